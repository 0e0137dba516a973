"""What was drawn on one picture, with the way back: each step is a whole `Annotation`."""

KEPT = 200  # steps that can be undone


class Steps:
    """`now` is what is drawn; `seconds` is the stopwatch, which undoing does not turn back."""

    def __init__(self, annotation):
        self.now, self.seconds = annotation, annotation.seconds
        self.past, self.future = [], []

    def to(self, annotation):
        """One step further; what was undone is gone."""
        self.past = [*self.past, self.now][-KEPT:]
        self.now, self.future = annotation, []

    def undo(self):
        """One step back; False where there is none."""
        if not self.past:
            return False
        self.future.append(self.now)
        self.now = self.past.pop()
        return True

    def redo(self):
        """The step that was undone last; False where there is none."""
        if not self.future:
            return False
        self.past.append(self.now)
        self.now = self.future.pop()
        return True
