"""Which ImageNet-1k classes stand for which VOC class, by their numbers.

ImageNet has no class `person`: it is stood for by classes that are a person by definition
(ball player, groom, scuba diver) and by clothes that are photographed worn. That is a guess about
how those photographs were taken, and `person` is accordingly the weakest of the zero-shot classes.
"""

IMAGENET = {
    "aeroplane": (404, 895),  # airliner, warplane
    "bicycle": (444, 671),  # tandem, mountain bike
    "bird": (*range(7, 25), *range(80, 101), *range(127, 147)),
    "boat": (472, 484, 554, 576, 625, 780, 814, 871, 914),
    "bottle": (440, 720, 737, 898, 907),
    "bus": (654, 779, 874),
    "car": (407, 436, 468, 511, 609, 627, 656, 661, 751, 817),
    "cat": tuple(range(281, 286)),
    "chair": (423, 559, 765),
    "cow": (345,),  # ox
    "diningtable": (532,),
    "dog": tuple(range(151, 269)),
    "horse": (339,),  # sorrel
    "motorbike": (665, 670),  # moped, scooter
    "person": (981, 982, 983, 610, 834, 617, 697, 457, 841, 608),
    "pottedplant": (738,),  # flower pot
    "sheep": (348, 349),  # ram, bighorn
    "sofa": (831,),  # studio couch
    "train": (466, 547, 705, 820, 829),
    "tvmonitor": (664, 782, 851),
}
