"""Renders the personas that are busts. Run with the Python that has `bpy` 5.0.1 (see profiles/README.md):

PYTHONPATH=. python tools/personas/personas.py NAME OUT.png [SIZE] [SAMPLES]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

import stage
from hair import Scalp, curls, falls, swept
from head import Shape, loft, shoulders
from parts import brows, bust, drape, lashes, make_up, neck, studio, sweater
from stage import Nodes


def marble() -> None:
    n = Nodes("marble")
    veins = n.noise(0.11, 9.0, 1.6)
    colour = n.ramp(
        veins,
        [
            (0.0, (0.86, 0.84, 0.80)),
            (0.47, (0.86, 0.845, 0.81)),
            (0.505, (0.70, 0.69, 0.68)),
            (0.54, (0.85, 0.835, 0.80)),
            (1.0, (0.88, 0.87, 0.84)),
        ],
    )
    n.principled(
        colour=colour,
        rough=0.38,
        sss=0.35,
        sss_radius=(0.9, 0.8, 0.65),
        sss_scale=0.6,
        coat=0.12,
        normal=n.bump(n.noise(5.0, 4.0), 0.05, 0.05),
    )
    e = stage.eye_material((0.50, 0.49, 0.47), (0.84, 0.83, 0.79), 0.44)
    e.node_tree.nodes["Principled BSDF"].inputs["Roughness"].default_value = 0.4
    e.node_tree.nodes["Principled BSDF"].inputs["Coat Weight"].default_value = 0.0
    for element in next(x for x in e.node_tree.nodes if x.type == "VALTORGB").color_ramp.elements:
        if element.color[0] < 0.03:
            element.color = (0.16, 0.155, 0.15, 1)
    _, v = bust(
        Shape(nose=0.92, nose_out=0.3, lips=1.25, brow_out=0.15, cheek=0.15, jaw=0.95, eye_open=1.5, chin=-0.2),
        n.material,
        e,
        False,
    )
    neck(n.material)
    drape(n.material)
    stage.tube("hair", swept(Scalp(v), 330, 4, 0.58, 2.3) + falls(Scalp(v), 4.5, 70, 5, 0.6, 0.5), n.material)
    brows(v, n.material, 60, 0.08)
    lashes(v, n.material, 0.07)
    stage.backdrop((0.10, 0.125, 0.165), (0.022, 0.028, 0.04))
    studio((1.0, 0.92, 0.82), (0.5, 0.68, 1.0), (0.8, 0.9, 1.0), 0.9, 0.12)


def bronze() -> None:
    n = Nodes("bronze")
    patina = n.ramp(
        n.noise(0.35, 8.0, 0.5),
        [
            (0.0, (0.30, 0.145, 0.06)),
            (0.56, (0.34, 0.17, 0.075)),
            (0.70, (0.20, 0.18, 0.11)),
            (1.0, (0.12, 0.26, 0.21)),
        ],
    )
    n.principled(
        colour=patina,
        metal=0.9,
        rough=n.ramp(n.noise(0.9, 8.0), [(0.3, (0.27,) * 3), (0.7, (0.5,) * 3)]),
        normal=n.bump(n.noise(2.2, 8.0), 0.12, 0.1),
    )
    e = stage.eye_material((0.16, 0.08, 0.03), (0.30, 0.18, 0.09), 0.44)
    e.node_tree.nodes["Principled BSDF"].inputs["Metallic"].default_value = 0.35
    e.node_tree.nodes["Principled BSDF"].inputs["Roughness"].default_value = 0.3
    _, v = bust(
        Shape(nose=1.12, nose_out=0.5, lips=1.05, brow_out=0.55, jaw=1.1, chin=0.8, neck=1.1, eye_open=1.4, cheek=0.1),
        n.material,
        e,
    )
    neck(n.material, 1.12, 1.08)
    drape(n.material, 1.08)
    stage.tube("hair", curls(Scalp(v), 330, 5, 1.0, 0.34), n.material)
    brows(v, n.material, 110, 0.1, 0.1)
    lashes(v, n.material, 0.08)
    stage.backdrop((0.13, 0.055, 0.035), (0.022, 0.012, 0.011))
    studio((1.0, 0.86, 0.68), (0.5, 0.68, 1.0), (1.0, 0.8, 0.6), 1.7)


def painted() -> None:
    skin = Nodes("skin")
    tone = skin.ramp(skin.noise(0.5, 5.0), [(0.3, (0.70, 0.40, 0.29)), (0.7, (0.76, 0.455, 0.33))])
    skin.principled(
        colour=tone,
        rough=0.46,
        sss=0.28,
        sss_radius=(1.0, 0.35, 0.2),
        sss_scale=0.7,
        specular=0.4,
        normal=skin.bump(skin.noise(7.0, 4.0), 0.035, 0.05),
    )
    hair = Nodes("hair")
    hair.principled(
        colour=hair.ramp(hair.noise(0.7, 4.0), [(0.3, (0.10, 0.028, 0.012)), (0.7, (0.21, 0.065, 0.022))]),
        rough=0.36,
        coat=0.25,
        coat_rough=0.3,
    )
    dark = Nodes("lash").principled(colour=(0.012, 0.008, 0.007), rough=0.6).material
    _, v = bust(
        Shape(nose=0.84, lips=1.35, cheek=0.3, smile=0.16, eye_open=1.9, eye_wide=1.22, jaw=0.88, neck=0.86, chin=-0.3),
        skin.material,
        stage.eye_material((0.05, 0.20, 0.13)),
        False,
    )
    make_up(skin, v)
    neck(skin.material, 0.84, 0.84)
    knit = Nodes("knit")
    knit.principled(colour=(0.035, 0.17, 0.22), rough=0.9, sheen=0.6, normal=knit.bump(knit.noise(3.5, 2.0), 0.35, 0.2))
    sweater(knit.material, 0.84, 0.84)
    stage.tube("hair", swept(Scalp(v), 420, 8, 0.48, 2.4) + falls(Scalp(v), 10.5, 170, 9, 0.5, 1.2), hair.material)
    brows(v, hair.material, 110, 0.07, 0.35)
    lashes(v, dark, 0.11)
    stage.backdrop((0.50, 0.33, 0.22), (0.15, 0.105, 0.095))
    studio((1.0, 0.93, 0.84), (0.85, 0.9, 1.0), (1.0, 0.9, 0.75), 1.05)


def driver() -> None:
    """Terracotta: the one who drives, in the bundled performance. Calm and easy to track."""
    clay = Nodes("clay")
    clay.principled(
        colour=clay.ramp(clay.noise(0.8, 6.0), [(0.3, (0.52, 0.27, 0.17)), (0.7, (0.60, 0.33, 0.215))]),
        rough=0.75,
        normal=clay.bump(clay.noise(3.0, 6.0), 0.10, 0.08),
    )
    dark = Nodes("dark").principled(colour=(0.10, 0.045, 0.03), rough=0.8).material
    cloth = Nodes("cloth").principled(colour=(0.16, 0.17, 0.19), rough=0.9).material
    _, v = bust(
        Shape(nose=1.0, nose_out=0.2, lips=1.25, brow_out=0.2, eye_open=1.6, eye_wide=1.1, jaw=1.0),
        clay.material,
        stage.eye_material((0.09, 0.05, 0.03), (0.66, 0.56, 0.48)),
    )
    make_up(clay, v)
    neck(clay.material, 1.02)
    sweater(cloth, 1.0, 1.02)
    stage.tube("hair", swept(Scalp(v), 330, 11, 0.55, 2.2), dark)
    brows(v, dark, 110, 0.085, 0.25)
    lashes(v, dark, 0.09)
    stage.backdrop((0.23, 0.25, 0.27), (0.09, 0.10, 0.11))
    studio(power=0.95)


def hologram() -> np.ndarray:
    """Light on a grid: `finish.hologram` adds scan lines and glow. Returns its landmarks."""
    n = Nodes("hologram")
    facing = n.add("ShaderNodeLayerWeight", {"Blend": 0.35}).outputs["Facing"]
    glow = n.ramp(facing, [(0.0, (0.0, 0.02, 0.035)), (0.5, (0.0, 0.10, 0.16)), (1.0, (0.15, 0.85, 1.0))])
    n.principled(colour=(0.03, 0.22, 0.30), rough=0.4, glow=glow, glow_strength=0.55)
    wire = Nodes("wire").principled(colour=(0, 0, 0), glow=(0.10, 0.75, 1.0), glow_strength=0.8).material
    line = Nodes("line").principled(colour=(0, 0, 0), glow=(0.3, 0.95, 1.0), glow_strength=1.0).material
    hair = Nodes("hair")
    edge = hair.add("ShaderNodeLayerWeight", {"Blend": 0.3}).outputs["Facing"]
    hair.principled(
        colour=(0.01, 0.06, 0.14),
        rough=0.35,
        glow=hair.ramp(edge, [(0.0, (0.0, 0.012, 0.03)), (0.6, (0.01, 0.06, 0.15)), (1.0, (0.25, 0.45, 1.0))]),
        glow_strength=0.7,
    )
    dark = Nodes("dark").principled(colour=(0.0, 0.012, 0.025), rough=0.6).material
    head, v = bust(
        Shape(nose=0.86, nose_out=0.1, lips=1.35, eye_open=1.75, eye_wide=1.2, jaw=0.9, neck=0.88, cheek=0.2),
        n.material,
        stage.eye_material((0.05, 0.55, 0.75), (0.40, 0.75, 0.85)),
        False,
    )
    grid = stage.mesh("grid", head.vertices + np.array([0, 0, -0.03]), head.faces, wire, 1)
    modifier = grid.modifiers.new("wire", "WIREFRAME")
    modifier.thickness, modifier.use_replace = 0.035, True
    neck(n.material, 0.88, 0.9)
    stage.tube("hair", swept(Scalp(v), 400, 21, 0.45, 2.0) + falls(Scalp(v), 13.0, 170, 22, 0.45, 0.9), hair.material)
    brows(v, dark, 100, 0.07, 0.3)
    lashes(v, dark, 0.11)
    for k in range(3):
        stage.ring("halo", np.array([0, 14.6 + 1.1 * k, 3.6]), 8.6 + 3.2 * k, 0.07, line, (0.0, 0, 0))
    stage.backdrop((0.006, 0.035, 0.06), (0.002, 0.006, 0.016))
    stage.lamp((-40, -40, -75), 40, 26000, (0.6, 0.9, 1.0))
    stage.lamp((45, -20, 35), 30, 60000, (0.7, 0.3, 1.0))
    stage.lamp((-50, -20, 35), 30, 40000, (0.1, 0.8, 1.0))
    return head.landmarks


def comic() -> None:
    """Plain colours; `finish.comic` inks and prints them."""
    paint = lambda name, colour: Nodes(name).principled(colour=colour, rough=0.6, specular=0.15).material  # noqa: E731
    hair, coat = paint("hair", (0.03, 0.05, 0.12)), paint("coat", (0.62, 0.035, 0.04))
    shirt, dark = paint("shirt", (0.85, 0.78, 0.62)), paint("dark", (0.01, 0.01, 0.015))
    lip = Nodes("skin").principled(colour=(0.80, 0.50, 0.34), rough=0.6, specular=0.15)
    flat = lip.add("ShaderNodeRGB").outputs[0]
    flat.default_value = (0.80, 0.50, 0.34, 1)
    lip.put(lip.shader, "Base Color", flat)
    _, v = bust(
        Shape(
            nose=1.0,
            nose_out=0.5,
            lips=1.15,
            brow_out=0.4,
            jaw=1.08,
            chin=0.7,
            neck=1.08,
            eye_open=1.65,
            eye_wide=1.12,
            cheek=0.1,
        ),
        lip.material,
        stage.eye_material((0.03, 0.12, 0.33), (0.9, 0.9, 0.88)),
    )
    make_up(lip, v)
    neck(lip.material, 1.08, 1.1)
    sweater(shirt, 1.08, 1.08)
    vertices, faces = loft([(y, rx * 1.1 + 0.5, rz * 1.12 + 0.6, z) for y, rx, rz, z in shoulders(1.05, 1.1)[3:]], 128)
    open_front = [
        f
        for f in faces
        if not (abs(vertices[f, 0].mean()) < 2.0 + 0.18 * (vertices[f, 1].mean() - 12) and vertices[f, 2].mean() < 0)
    ]
    stage.mesh("coat", vertices, open_front, coat, 1)
    stage.tube("hair", swept(Scalp(v), 300, 31, 0.62, 3.0), hair)
    brows(v, dark, 150, 0.10, 0.1)
    lashes(v, dark, 0.13)
    stage.backdrop((0.95, 0.62, 0.10), (0.95, 0.40, 0.06), 30.0)
    stage.lamp((-60, -40, -60), 14, 90000)
    stage.lamp((60, -10, -60), 40, 7000)


def machine() -> np.ndarray:
    from robot import draw, landmarks

    draw()
    return landmarks()


BUSTS: dict[str, Callable[[], np.ndarray | None]] = {
    "marble": marble,
    "bronze": bronze,
    "painted": painted,
    "driver": driver,
    "hologram": hologram,
    "comic": comic,
    "robot": machine,
}


def main() -> None:
    name, out = sys.argv[1], Path(sys.argv[2]).resolve()
    size, samples = int(sys.argv[3]) if len(sys.argv) > 3 else 1024, int(sys.argv[4]) if len(sys.argv) > 4 else 64
    stage.reset()
    landmarks = BUSTS[name]()
    if landmarks is not None:  # the landmarker finds no face in it
        points = stage.project(landmarks, size).astype(np.float32)
        np.savez(out.with_name("landmarks.npz"), landmarks=points, size=np.array([size, size], np.int32))
    stage.render(
        out,
        size,
        samples,
        **({"ambient": (0.012, 0.014, 0.02), "look": "AgX - High Contrast"} if name == "marble" else {}),
    )
    if name == "comic":
        stage.render_normals(out.with_name("comic-normals.png"))


if __name__ == "__main__":
    main()
