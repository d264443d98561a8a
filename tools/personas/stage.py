"""A Blender scene for a bust: meshes from numpy, materials, lamps, camera. Runs in Blender's own Python (`bpy`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FRAME_CM = 41.0  # what the picture shows, top to bottom
CENTRE_Y = 2.6  # canonical y in the middle of the picture
DISTANCE = 150.0


def to_blender(points: Array) -> Array:
    """Canonical (x right, y down, z away) to Blender (x right, y away, z up)."""
    p = np.asarray(points, np.float64)
    return np.stack([p[..., 0], p[..., 2], -p[..., 1]], -1)


def project(points: Array, size: int) -> Array:
    """Canonical points to pixels of a picture of size x size; z in the same scale."""
    p = np.asarray(points, np.float64)
    scale = size / FRAME_CM * DISTANCE / (DISTANCE + p[:, 2])
    return np.stack([size / 2 + p[:, 0] * scale, size / 2 + (p[:, 1] - CENTRE_Y) * scale, p[:, 2] * size / FRAME_CM], 1)


def reset() -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)


def mesh(
    name: str, vertices: Array, faces: list[list[int]], material: Any, subdivide: int = 2, smooth: bool = True
) -> Any:
    data = bpy.data.meshes.new(name)
    data.from_pydata(to_blender(vertices).tolist(), [], faces)
    data.validate()
    thing = bpy.data.objects.new(name, data)
    bpy.context.collection.objects.link(thing)
    if smooth:
        data.polygons.foreach_set("use_smooth", [True] * len(data.polygons))
    if subdivide:
        modifier = thing.modifiers.new("subdivide", "SUBSURF")
        modifier.levels = modifier.render_levels = subdivide
    if material is not None:
        data.materials.append(material)
    return thing


def tube(name: str, lines: list[tuple[Array, Array]], material: Any, resolution: int = 4, flat: float = 1.0) -> Any:
    """Tapered strands: each a polyline (n, 3) with radii (n,)."""
    data = bpy.data.curves.new(name, "CURVE")
    data.dimensions = "3D"
    data.bevel_depth = 1.0
    data.bevel_resolution = resolution
    data.use_fill_caps = True
    data.resolution_u = 4
    for points, radii in lines:
        spline = data.splines.new("NURBS")
        spline.points.add(len(points) - 1)
        spline.use_endpoint_u = True
        spline.order_u = 4
        co = np.concatenate([to_blender(points), np.ones((len(points), 1))], 1)
        spline.points.foreach_set("co", co.ravel())
        spline.points.foreach_set("radius", np.asarray(radii, float))
    thing = bpy.data.objects.new(name, data)
    bpy.context.collection.objects.link(thing)
    if material is not None:
        data.materials.append(material)
    return thing


def ball(
    name: str, centre: Array, radii: Array | float, material: Any, rotation: tuple[float, float, float] = (0, 0, 0)
) -> Any:
    bpy.ops.mesh.primitive_uv_sphere_add(segments=64, ring_count=40, radius=1.0)
    thing = bpy.context.object
    thing.name = name
    r = np.broadcast_to(np.asarray(radii, float), (3,))
    thing.scale = (r[0], r[2], r[1])
    thing.location = to_blender(np.asarray(centre, float)).tolist()
    thing.rotation_euler = rotation
    bpy.ops.object.shade_smooth()
    if material is not None:
        thing.data.materials.append(material)
    return thing


def ring(
    name: str,
    centre: Array,
    radius: float,
    thick: float,
    material: Any,
    rotation: tuple[float, float, float] = (0, 0, 0),
    squash: tuple[float, float, float] = (1, 1, 1),
) -> Any:
    bpy.ops.mesh.primitive_torus_add(major_radius=radius, minor_radius=thick, major_segments=64, minor_segments=20)
    thing = bpy.context.object
    thing.name = name
    thing.location = to_blender(np.asarray(centre, float)).tolist()
    thing.rotation_euler = rotation
    thing.scale = squash
    bpy.ops.object.shade_smooth()
    if material is not None:
        thing.data.materials.append(material)
    return thing


class Nodes:
    """A small writer of node trees."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.shader = self.tree.nodes["Principled BSDF"]

    def add(self, kind: str, inputs: dict[str, Any] | None = None, **settings: Any) -> Any:
        node = self.tree.nodes.new(kind)
        for key, value in settings.items():
            setattr(node, key, value)
        for key, value in (inputs or {}).items():
            self.put(node, key, value)
        return node

    def put(self, node: Any, key: str | int, value: Any) -> None:
        if hasattr(value, "is_output"):
            self.tree.links.new(value, node.inputs[key])
        else:
            node.inputs[key].default_value = value

    def principled(self, **values: Any) -> Nodes:
        names = {
            "colour": "Base Color",
            "rough": "Roughness",
            "metal": "Metallic",
            "sss": "Subsurface Weight",
            "sss_radius": "Subsurface Radius",
            "sss_scale": "Subsurface Scale",
            "coat": "Coat Weight",
            "coat_rough": "Coat Roughness",
            "glow": "Emission Color",
            "glow_strength": "Emission Strength",
            "specular": "Specular IOR Level",
            "sheen": "Sheen Weight",
            "normal": "Normal",
            "alpha": "Alpha",
        }
        for key, value in values.items():
            self.put(
                self.shader,
                names[key],
                (*value, 1.0) if isinstance(value, tuple) and len(value) == 3 and key in ("colour", "glow") else value,
            )
        return self

    def noise(self, scale: float, detail: float = 6.0, distortion: float = 0.0) -> Any:
        where = self.add("ShaderNodeTexCoord").outputs["Object"]
        return self.add(
            "ShaderNodeTexNoise", {"Vector": where, "Scale": scale, "Detail": detail, "Distortion": distortion}
        ).outputs[0]

    def ramp(self, factor: Any, stops: list[tuple[float, tuple[float, float, float]]]) -> Any:
        node = self.add("ShaderNodeValToRGB", {"Fac": factor})
        elements = node.color_ramp.elements
        while len(elements) < len(stops):
            elements.new(0.5)
        for element, (position, colour) in zip(elements, stops, strict=True):
            element.position = position
            element.color = (*colour, 1.0)
        return node.outputs[0]

    def bump(self, height: Any, strength: float, distance: float = 0.1) -> Any:
        return self.add("ShaderNodeBump", {"Height": height, "Strength": strength, "Distance": distance}).outputs[0]


def eye_material(
    iris: tuple[float, float, float], sclera: tuple[float, float, float] = (0.85, 0.83, 0.8), iris_size: float = 0.40
) -> Any:
    """An eyeball (unit sphere in object coordinates) that looks along -y: pupil, iris with a dark rim, sclera."""
    n = Nodes("eye")
    where = n.add("ShaderNodeTexCoord").outputs["Object"]
    part = n.add("ShaderNodeSeparateXYZ", {0: where})
    xx = n.add("ShaderNodeMath", {0: part.outputs[0], 1: part.outputs[0]}, operation="MULTIPLY").outputs[0]
    zz = n.add("ShaderNodeMath", {0: part.outputs[2], 1: part.outputs[2]}, operation="MULTIPLY").outputs[0]
    r = n.add(
        "ShaderNodeMath", {0: n.add("ShaderNodeMath", {0: xx, 1: zz}, operation="ADD").outputs[0]}, operation="SQRT"
    ).outputs[0]
    dark = tuple(c * 0.15 for c in iris)
    light = tuple(min(1.0, c * 1.7 + 0.03) for c in iris)
    s = iris_size
    colour = n.ramp(
        r,
        [
            (0.0, (0.004, 0.004, 0.004)),
            (0.40 * s, (0.004, 0.004, 0.004)),
            (0.47 * s, iris),
            (0.75 * s, light),
            (0.92 * s, iris),
            (1.0 * s, dark),
            (1.10 * s, sclera),
        ],
    )
    n.principled(colour=colour, rough=0.08, coat=1.0, coat_rough=0.02, specular=0.6)
    return n.material


def lamp(
    place: tuple[float, float, float],
    size: float,
    power: float,
    colour: tuple[float, float, float] = (1, 1, 1),
    at: tuple[float, float, float] = (0, 0, 0),
) -> None:
    """An area lamp at `place` (canonical axes) that looks at `at`."""
    data = bpy.data.lights.new("lamp", "AREA")
    data.energy, data.size, data.color = power, size, colour
    thing = bpy.data.objects.new("lamp", data)
    bpy.context.collection.objects.link(thing)
    here, there = to_blender(np.array(place)), to_blender(np.array(at))
    thing.location = here.tolist()
    from mathutils import Vector

    thing.rotation_euler = Vector((there - here).tolist()).to_track_quat("-Z", "Y").to_euler()


def backdrop(centre: tuple[float, float, float], edge: tuple[float, float, float], radius: float = 34.0) -> None:
    """A plane behind the bust that glows in a soft radial gradient and takes no light."""
    n = Nodes("backdrop")
    where = n.add("ShaderNodeTexCoord").outputs["Object"]
    scaled = n.add(
        "ShaderNodeVectorMath", {0: where, 1: (1 / radius, 1 / radius, 1 / radius)}, operation="MULTIPLY"
    ).outputs[0]
    length = n.add("ShaderNodeVectorMath", {0: scaled}, operation="LENGTH").outputs["Value"]
    colour = n.ramp(length, [(0.0, centre), (1.0, edge)])
    n.principled(colour=(0.0, 0.0, 0.0), glow=colour, glow_strength=1.0, rough=1.0, specular=0.0)
    side = 90.0
    points = np.array([[-side, -side, 0], [side, -side, 0], [side, side, 0], [-side, side, 0]], float)
    plane = mesh("backdrop", points, [[0, 1, 2, 3]], n.material, 0, False)
    plane.location = to_blender(np.array([0, CENTRE_Y - 3, 40.0])).tolist()


def render(
    path: Path,
    size: int,
    samples: int,
    ambient: tuple[float, float, float] = (0.05, 0.05, 0.06),
    look: str = "AgX - Medium High Contrast",
    view: str = "AgX",
    exposure: float = 0.0,
) -> None:
    scene = bpy.context.scene
    world = bpy.data.worlds.new("world")
    scene.world = world
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs[0].default_value = (*ambient, 1.0)
    data = bpy.data.cameras.new("camera")
    camera = bpy.data.objects.new("camera", data)
    bpy.context.collection.objects.link(camera)
    camera.location = to_blender(np.array([0, CENTRE_Y, -DISTANCE])).tolist()
    camera.rotation_euler = (np.pi / 2, 0, 0)
    data.sensor_width = 36.0
    data.lens = 36.0 * DISTANCE / FRAME_CM
    data.clip_end = 1000.0
    scene.camera = camera
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = True
    scene.cycles.max_bounces = 6
    scene.cycles.seed = 1
    scene.render.threads_mode = "FIXED"
    scene.render.threads = 2
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.view_settings.view_transform = view
    scene.view_settings.look = look
    scene.view_settings.exposure = exposure
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def render_normals(path: Path) -> None:
    """The scene once more, each surface in the colour of its direction: ink lines are drawn from it."""
    n = Nodes("normals")
    geometry = n.add("ShaderNodeNewGeometry")
    half = n.add(
        "ShaderNodeVectorMath",
        {0: geometry.outputs["Normal"], 1: (0.5, 0.5, 0.5), 2: (0.5, 0.5, 0.5)},
        operation="MULTIPLY_ADD",
    ).outputs[0]
    glow = n.add("ShaderNodeEmission", {"Color": half}).outputs[0]
    n.tree.links.new(glow, n.tree.nodes["Material Output"].inputs["Surface"])
    scene = bpy.context.scene
    scene.view_layers[0].material_override = n.material
    scene.view_settings.view_transform = "Raw"
    scene.view_settings.look = "None"
    scene.cycles.samples = 16
    scene.cycles.use_denoising = False
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
