"""What a checkpoint's pickle may ask for, looked at before anything is loaded.

PyTorch's own `weights_only` runs no foreign code, but it calls a few harmless names of Python with whatever arguments
the file gives, and `bytearray(10**11)` in a file of 400 bytes takes all the memory there is. Tensors need none of them.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from typing import IO, Final

__all__ = ["foreign_names"]

_KINDS: Final = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool",
                 "ComplexFloat", "ComplexDouble")  # fmt: skip
_KNOWN: Final = frozenset(
    {
        "collections OrderedDict",
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_parameter",
        "torch._utils _rebuild_sparse_tensor",
        "torch.serialization _get_layout",
        "torch Size",
        *(f"torch {kind}Storage" for kind in _KINDS),
    }
)
_OTHER_WAYS: Final = frozenset({"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"})
"""Opcodes that also name or make objects; `torch.save` writes none of them."""


def foreign_names(file: IO[bytes], pickles: int) -> Iterator[str]:
    """The names that `pickles` pickles in a row, from where `file` stands, ask for and that no tensor needs.

    Raises ValueError (and what else pickletools does) if it is no pickle.
    """
    for _ in range(pickles):
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name == "GLOBAL" and argument not in _KNOWN:
                yield str(argument).replace(" ", ".")
            elif opcode.name in _OTHER_WAYS:
                yield opcode.name
