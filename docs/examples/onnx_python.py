"""python onnx_python.py model.onnx photo.jpg out.png: all tasks' results of one image, drawn.

For files that mtl export wrote with preprocess_in_graph=true. Needs onnxruntime, numpy and pillow.
"""

import colorsys
import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageDraw, ImageOps


def colour(index: int) -> tuple[int, ...]:
    """One for each class, far from its neighbours'."""
    return tuple(round(255 * v) for v in colorsys.hsv_to_rgb(index * 0.618 % 1, 0.8, 1.0))


model, photo, out = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
about = json.loads(session.get_modelmeta().custom_metadata_map["mtl_export"])
if not about["preprocess"]["in_graph"]:
    sys.exit(f"{model} takes prepared pictures: mtl export run={model} preprocess_in_graph=true")

image = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
pixels = np.asarray(image)
if about["input"]["colours"] == "bgr":
    pixels = np.ascontiguousarray(pixels[..., ::-1])
names = [output.name for output in session.get_outputs()]
results = dict(zip(names, session.run(names, {"image": pixels[None]}), strict=True))

lines = []
for task, facts in about["tasks"].items():
    found = {n.removeprefix(f"{task}."): results[n][0] for n in facts["outputs"]}
    classes, least = facts["classes"], np.array(facts["class_thresholds"])
    if "mask" in found:
        tints = np.array([(0, 0, 0), *(colour(i) for i in range(1, len(classes)))], np.uint8)
        shown = Image.fromarray(np.uint8(found["mask"] > 0) * 110)
        image.paste(Image.fromarray(tints[found["mask"]]), (0, 0), shown)
        lines.append(f"{task}: " + ", ".join(classes[i] for i in np.unique(found["mask"])))
    elif "boxes" in found:
        draw, labels = ImageDraw.Draw(image), found["labels"]
        sure = (labels >= 0) & (found["scores"] >= least[labels])
        objects = (found[name][sure] for name in ("boxes", "scores", "labels"))
        for box, score, label in zip(*objects, strict=True):
            draw.rectangle(box.tolist(), outline=colour(label), width=2)
            draw.text(box[:2].tolist(), f" {classes[label]} {score:.2f}", colour(label))
        lines.append(f"{task}: {sure.sum()} objects")
    elif "box" in found:
        ImageDraw.Draw(image).rectangle(found["box"].tolist(), outline="white", width=2)
    elif "probabilities" in found:
        likely = found["probabilities"] >= (least if least.size else found["probabilities"].max())
        said = [f"{classes[i]} {found['probabilities'][i]:.2f}" for i in np.flatnonzero(likely)]
        lines.append(f"{task}: " + (", ".join(said) or "nothing"))
    else:
        lines.append(f"{task}: " + "; ".join(f"{n} {np.round(v, 2)}" for n, v in found.items()))
image.save(out)
print("\n".join(lines))
