"""Large models as assistants: what their adapters cost, and a whole pipeline of them.

The real SAM is measured at its architecture, a tenth as wide and with random weights: how long a
pass takes does not depend on what the weights say. Its peer is transformers' own processor and
model, used as its documentation shows, picture and box together, and used with the embedding kept.
transformers' mask-generation pipeline asks torchvision for `nms`, which not every build has, so it
is no peer here.
"""

import numpy as np
import torch

from wsss_lite.assist import real
from wsss_lite.assist.lessons import STAGES
from wsss_lite.assist.load import load_grounder, load_sam, load_tagger
from wsss_lite.assist.pipeline import Stages, boxes_by, masks_by, tags_by
from wsss_lite.assist.pocket_sam import PocketSam
from wsss_lite.assist.sam import Sam
from wsss_lite.data.scenes import CLASSES, draw
from wsss_lite.nets.head import seeded
from wsss_lite.nets.prompted import Prompted
from wsss_lite.nets.trunk import Trunk

BOXES = 8  # prompts on one picture
SIDE, WIDTH = 256, 192  # pixels and channels of the small SAM; base has 1024 and 768
PICTURES = 4  # through the pipeline at a time


def small_sam(side=SIDE, width=WIDTH):
    """`Sam` with random weights, which says so by its name, not by a source."""
    hub = real.library("transformers")
    vision = {"hidden_size": width, "num_hidden_layers": 6, "num_attention_heads": 6,
              "image_size": side, "output_channels": 64, "num_pos_feats": 32,
              "mlp_dim": 4 * width, "global_attn_indexes": [2, 5]}  # fmt: skip
    prompt = {"hidden_size": 64, "image_size": side}
    decoder = {"hidden_size": 64, "mlp_dim": 256, "iou_head_hidden_dim": 64}
    with seeded(0):
        model = hub.SamModel(hub.SamConfig(
            vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder
        ))  # fmt: skip
    sides = {"height": side, "width": side}
    image = hub.SamImageProcessor(size={"longest_edge": side}, pad_size=sides)
    source = "random, to be timed"
    return Sam(model, hub.SamProcessor(image), "a small SAM", source, device="cpu")


def boxes_on(image, count=BOXES, seed=0):
    """(count, 4) boxes x0, y0, x1, y1 of whole pixels in a picture."""
    rng = np.random.default_rng(seed)
    height, width = image.shape[:2]
    x, y = (np.sort(rng.permuted(np.tile(np.arange(side + 1), (count, 1)), axis=1)[:, :2], axis=1)
            for side in (width, height))  # fmt: skip
    return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], 1).tolist()


def ours_once(sam, image, boxes):
    """(K, 3, H, W) bool: the picture encoded once, then box after box."""
    embedding = sam.encode(image)
    return np.concatenate([sam.masks(embedding, boxes=[box])[0] for box in boxes])


def theirs_each(sam, image, boxes):
    """The same by processor and model, as transformers documents it: a picture with its box."""
    masks = []
    with torch.inference_mode():
        for box in boxes:
            inputs = sam.processor(image, input_boxes=[[box]], return_tensors="pt")
            output = sam.model(**inputs)
            masks.append(processed(sam, output, inputs))
    return np.concatenate(masks)


def theirs_once(sam, image, boxes):
    """The same with transformers' `get_image_embeddings` kept between the boxes."""
    masks = []
    with torch.inference_mode():
        pixels = sam.processor(image, return_tensors="pt")["pixel_values"]
        kept = sam.model.get_image_embeddings(pixels)
        for box in boxes:
            inputs = sam.processor(image, input_boxes=[[box]], return_tensors="pt")
            output = sam.model(image_embeddings=kept, input_boxes=inputs["input_boxes"].float())
            masks.append(processed(sam, output, inputs))
    return np.concatenate(masks)


def processed(sam, output, inputs):
    sizes = inputs["original_sizes"], inputs["reshaped_input_sizes"]
    return sam.processor.post_process_masks(output.pred_masks, *sizes)[0].numpy()


def sam_against(theirs, image):
    """(ours, theirs) as functions without arguments, after comparing their masks."""
    sam, boxes = small_sam(), boxes_on(image)
    differ = (ours_once(sam, image, boxes[:2]) != theirs(sam, image, boxes[:2])).mean()
    if differ > 1e-4:
        raise AssertionError(f"{differ:.2%} of the pixels of our masks are not transformers'")
    return lambda: ours_once(sam, image, boxes), lambda: theirs(sam, image, boxes)


def pocket_sam():
    """`PocketSam` of full size with random weights, as fast as the trained one."""
    trunk = Trunk("lite0", device="cpu")
    blank = trunk([np.zeros((8, 8, 3), np.uint8)], STAGES)
    with seeded(0):
        return PocketSam(Prompted([blank[stage].shape[1] for stage in STAGES]), trunk)


def decode_against_encode():
    """One prompt of the pocket SAM beside one encoding of the picture."""
    sam, image = pocket_sam(), draw(0).image
    embedding = sam.encode(image)
    box = boxes_on(image, 1)
    return lambda: sam.best(embedding, boxes=box), lambda: sam.encode(image)


def pipeline_against_forward():
    """Tags, boxes and masks of some pictures beside as many forward passes of the trunk.

    InputError where the pocket models' weights are missing.
    """
    stages = Stages(tags_by(load_tagger(), CLASSES), boxes_by(load_grounder(), CLASSES),
                    masks_by(load_sam()))  # fmt: skip
    images, trunk = [draw(k).image for k in range(PICTURES)], Trunk("lite0", device="cpu")

    def ours():
        return [stages.label(None, image) for image in images]

    def forward():
        with torch.inference_mode():
            return [trunk.model(trunk.tensor([image])) for image in images]

    return ours, forward
