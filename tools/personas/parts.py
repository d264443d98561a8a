"""What the rendered busts have in common: head and eyes, brows and lashes, clothes, make-up, lamps. Needs `bpy`."""

from __future__ import annotations

import numpy as np
import stage
from hair import Strand, brow
from head import Head, Shape, build, loft, shoulders
from stage import Nodes

_RIGHT_BROW = (55, 65, 52, 53, 46)
_LEFT_BROW = (285, 295, 282, 283, 276)
_RIGHT_LID = (33, 246, 161, 160, 159, 158, 157, 173, 133)
_LEFT_LID = (263, 466, 388, 387, 386, 385, 384, 398, 362)


def bust(shape: Shape, skin: object, eyes: object | None, ears: bool = True) -> tuple[Head, np.ndarray]:
    """Head, eyeballs, ears. Returns the head and its face's 468 vertices."""
    head = build(shape)
    stage.mesh("head", head.vertices, head.faces, skin, 2)
    for centre in head.eyes:
        stage.ball("eye", centre, head.radius, eyes)
    for side in (-1, 1) if ears else ():
        stage.ball("ear", np.array([side * 7.95, -0.6, 3.4]), np.array([0.55, 2.6, 1.6]), skin, (0.2, 0, side * 0.35))
        stage.ring(
            "rim",
            np.array([side * 8.25, -0.8, 3.5]),
            1.0,
            0.34,
            skin,
            (0, np.pi / 2 - side * 0.2, side * 0.45),
            (2.15, 1.25, 1.0),
        )
    return head, head.landmarks[:468]


def neck(material: object, size: float = 1.0, width: float = 1.0) -> None:
    stage.mesh("neck", *loft(shoulders(size, width)), material, 1)


def drape(material: object, width: float = 1.0) -> None:
    """A cloth over the shoulders with folds that run down to one side."""
    vertices, faces = loft(
        [(y, rx * 1.03 + 0.1, rz * 1.05 + 0.1, z) for y, rx, rz, z in shoulders(1.0, width)[3:]], 160
    )
    x, y = vertices[:, 0], vertices[:, 1]
    dip = 5.6 * np.exp(-(((x - 1.0) / 8.0) ** 2)) * (vertices[:, 2] < 4)
    fold = np.sin((y * 0.75 + x * 0.45) * 1.5 + 0.9 * np.sin(x * 0.33)) + 0.5 * np.sin((y * 0.9 + x * 0.25) * 2.7 + 1)
    out = vertices.copy()
    amount = np.clip((y - 15.0) / 3.0, 0, 1)
    out[:, 2] -= 0.42 * fold * amount
    out[:, 1] += dip * np.exp(-np.clip(y - 15, 0, 20) / 5.0)
    stage.mesh("drape", out, faces, material, 2)


def studio(
    key: tuple[float, float, float] = (1.0, 0.95, 0.88),
    fill: tuple[float, float, float] = (0.8, 0.88, 1.0),
    rim: tuple[float, float, float] = (1, 1, 1),
    power: float = 1.0,
    filling: float = 1.0,
) -> None:
    stage.lamp((-45, -38, -75), 38, 62000 * power, key)
    stage.lamp((60, -10, -70), 60, 16000 * power * filling, fill)
    stage.lamp((42, -45, 35), 30, 50000 * power, rim)
    stage.lamp((-50, -25, 38), 26, 26000 * power, rim)


def line_of(v: np.ndarray, indices: tuple[int, ...], forward: float = 0.0) -> np.ndarray:
    points = v[list(indices)].copy()
    points[:, 2] -= forward
    return points


def lashes(v: np.ndarray, material: object, thick: float = 0.09) -> None:
    strands: list[Strand] = []
    for ids in (_RIGHT_LID, _LEFT_LID):
        points = line_of(v, ids, 0.06)
        strands.append(
            (points, thick * np.interp(np.linspace(0, 1, len(ids)), [0, 0.2, 0.75, 1], [0.8, 1.25, 0.9, 0.3]))
        )
    stage.tube("lashes", strands, material)


def brows(v: np.ndarray, material: object, count: int = 90, thick: float = 0.075, lift: float = 0.15) -> None:
    for seed, ids in ((1, _RIGHT_BROW), (2, _LEFT_BROW)):
        points = line_of(v, ids, 0.1)
        points[:, 1] -= lift
        stage.tube("brow", brow(points, count, seed, thick), material, 2)


def make_up(skin: Nodes, v: np.ndarray) -> None:
    """Lips and cheeks: soft spots of colour laid over the skin's own, by place on the head."""
    where = skin.add("ShaderNodeTexCoord").outputs["Object"]
    base = skin.shader.inputs["Base Color"].links[0].from_socket
    mouth = v[[0, 17]].mean(0)
    spots = [
        (mouth, (2.15, 0.78, 3.0), (0.50, 0.085, 0.085), 0.78, 0.25),
        (v[50] + np.array([0, 0.2, 0]), (2.0, 1.4, 4.0), (0.62, 0.17, 0.13), 0.36, 0.9),
        (v[280] + np.array([0, 0.2, 0]), (2.0, 1.4, 4.0), (0.62, 0.17, 0.13), 0.36, 0.9),
        (v[4], (1.1, 0.9, 2.0), (0.62, 0.19, 0.14), 0.28, 0.9),
    ]
    for centre, (rx, ry, rz), colour, strength, soft in spots:
        b = stage.to_blender(centre)
        moved = skin.add("ShaderNodeVectorMath", {0: where, 1: tuple(b)}, operation="SUBTRACT").outputs[0]
        scaled = skin.add(
            "ShaderNodeVectorMath", {0: moved, 1: (1 / rx, 1 / rz, 1 / ry)}, operation="MULTIPLY"
        ).outputs[0]
        length = skin.add("ShaderNodeVectorMath", {0: scaled}, operation="LENGTH").outputs["Value"]
        amount = skin.ramp(length, [(max(0.0, 1 - soft), (strength,) * 3), (1.0, (0, 0, 0))])
        mix = skin.add("ShaderNodeMix", data_type="RGBA")
        skin.put(mix, 0, amount)
        skin.put(mix, 6, base)
        mix.inputs[7].default_value = (*colour, 1)
        base = mix.outputs[2]
    skin.put(skin.shader, "Base Color", base)


def sweater(material: object, width: float, throat: float = 1.0) -> None:
    vertices, faces = loft(
        [(y, rx * 1.05 + 0.35, rz * 1.08 + 0.4, z) for y, rx, rz, z in shoulders(throat, width)[3:]], 128
    )
    stage.mesh("sweater", vertices, faces, material, 2)
    for k in range(2):
        stage.ring(
            "collar",
            np.array([0, 12.1 + 0.75 * k, 3.7]),
            5.85 * throat + 0.2 * k,
            0.6,
            material,
            (-0.1, 0, 0),
            (1.0, 1.05, 1.2),
        )
