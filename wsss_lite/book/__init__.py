"""The course as a site: `make book`, or `python -m wsss_lite.book [-o FOLDER] [CHAPTER ...]`.

Sphinx makes it from the executed notebooks and the documents beside them, runs no cell and asks
no other machine for anything; what it loads lies in the folder, so that it opens from the disk.
Needs the extra `book`: `pip install '.[book]'`.
"""
