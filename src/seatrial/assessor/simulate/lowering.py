"""Numba's part: one LLVM module of all kernels and what they call, for `machine`.

    python -m seatrial.assessor.simulate.lowering FILE

Numba is told to leave each function as it was lowered. Otherwise it optimises every function
together with all that it calls and makes machine code of it, again and again up to the kernels.
`machine` does that once, for all of them together.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType
from typing import Any

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba.core import codegen, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.np.arrayobj import populate_array
from numba.np.numpy_support import from_dtype

from seatrial.assessor.simulate import kernels, machine
from seatrial.assessor.simulate.kernels import Group, Kernel, Rows, Scalar, Taken
from seatrial.files import write_atomic

OPTIONS: dict[str, Any] = {
    "error_model": "numpy", "_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True,
}  # fmt: skip
"""Kernels do not allocate, so arrays are not counted as they are passed on. Python calls none."""
SCALARS = {"f8": types.float64, "i8": types.int64, "u8": types.uint64, "": types.none}
WORD = ir.IntType(64)


class AsLowered(codegen.JITCodeLibrary):
    """What numba made of one function, which nobody runs."""

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0

    @property
    def codegen(self) -> AsLowered:
        return self

    def set_env(self, name: str, environment: object) -> None:
        """There is none: no kernel has Python's objects."""


def write(file: Path, sources: str) -> None:
    """Write the module of all kernels as `machine` reads it; `sources` is their digest."""
    # Loads all that has kernels.
    importlib.import_module("seatrial.assessor.simulate.run")
    module = lowered(kernels.KERNELS)
    write_atomic(file, sources.encode() + b"\n" + module)


def lowered(wanted: Sequence[Kernel[..., Any]]) -> bytes:
    """A module of kernels, as bitcode."""
    context, code = cpu_target.target_context, cpu_target.target_context.codegen()
    cpu_target.typing_context.refresh()
    context.refresh()
    whole = llvm.parse_assembly("")
    with global_compiler_lock, _numbas_parts():
        before, code._library_class = code._library_class, AsLowered
        try:
            for kernel in wanted:
                whole.link_in(_linked(context, code, kernel))
        finally:
            code._library_class = before
    _tidy(whole, wanted)
    return bytes(whole.as_bitcode())


def _linked(context: Any, code: Any, kernel: Kernel[..., Any]) -> llvm.ModuleRef:
    """A kernel with all that it calls."""
    signature = tuple(numba_type(one) for one in kernel.takes)
    dispatcher = numba.njit(**OPTIONS)(kernel.function)
    dispatcher.compile(signature)
    made = dispatcher.overloads[signature]
    assert made.signature.return_type == SCALARS[kernel.gives], made.signature
    entry = code.create_library(kernel.symbol)
    entry.add_ir_module(_entry(context, kernel, made.fndesc))
    entry.add_linking_library(made.library)
    entry.finalize()
    return entry._final_module


def _tidy(module: llvm.ModuleRef, wanted: Sequence[Kernel[..., Any]]) -> None:
    """Do what is the same for every processor: a quarter of the work, and a third of the size."""
    symbols = {kernel.symbol for kernel in wanted}
    for one in (*module.functions, *module.global_variables):
        if not one.is_declaration and one.name not in symbols:
            one.linkage = llvm.Linkage.internal
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_dead_code_elimination_pass()
    passes.add_global_dead_code_eliminate_pass()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    passes.run(module, llvm.create_pass_builder(machine.target(cpu="", features=""), options))


@contextmanager
def _numbas_parts() -> Iterator[None]:
    """Put numba's functions in the place of the parts, wherever kernels find those."""
    made: dict[Callable[..., Any], Any] = {
        function: numba.njit(forceinline=inlined, **OPTIONS)(function)
        for function, inlined in kernels.PARTS.items()
    }
    spaces = [getattr(module, "__dict__", {}) for module in list(sys.modules.values())]
    places = [
        (names, name, value)
        for names in spaces
        for name, value in names.items()
        if isinstance(value, FunctionType) and value in made
    ]
    for names, name, value in places:
        names[name] = made[value]
    try:
        yield
    finally:
        for names, name, value in places:
            names[name] = value


def numba_type(one: Taken) -> Any:
    """What numba calls an argument's type."""
    if isinstance(one, Scalar):
        return SCALARS[one.name]
    if isinstance(one, Group):
        return types.NamedTuple([numba_type(each) for each in one.rows], one.kind)
    item = from_dtype(one.dtype)
    return types.Array(item, one.axes, "C") if one.sized else types.CPointer(item)


def _entry(context: Any, kernel: Kernel[..., Any], description: Any) -> ir.Module:
    """The kernel as a C function of plain words: addresses, lengths and numbers."""
    module = context.create_module(kernel.symbol)
    gives = SCALARS[kernel.gives]
    kinds = [kind for one in kernel.takes for kind in _words(context, one)]
    result = ir.VoidType() if gives == types.none else context.get_value_type(gives)
    function = ir.Function(module, ir.FunctionType(result, kinds), kernel.symbol)
    builder = ir.IRBuilder(function.append_basic_block())
    words = iter(function.args)
    values = [_value(context, builder, one, words) for one in kernel.takes]
    inner = context.declare_function(module, description)
    status, found = context.call_conv.call_function(
        builder, inner, description.restype, description.argtypes, values
    )
    with builder.if_then(status.is_error, likely=False):
        # A kernel that raises is a bug, and there is nobody here to tell.
        trap = ir.FunctionType(ir.VoidType(), [])
        builder.call(module.declare_intrinsic("llvm.trap", fnty=trap), [])
    if gives == types.none:
        builder.ret_void()
    else:
        builder.ret(found)
    return module


def _words(context: Any, one: Taken) -> Iterator[ir.Type]:
    if isinstance(one, Scalar):
        yield context.get_value_type(SCALARS[one.name])
    elif isinstance(one, Group):
        for each in one.rows:
            yield from _words(context, each)
    else:
        yield context.get_data_type(from_dtype(one.dtype)).as_pointer()
        yield from [WORD] * (one.axes if one.sized else 0)


def _value(context: Any, builder: ir.IRBuilder, one: Taken, words: Iterator[ir.Value]) -> Any:
    """An argument as numba passes it, of the next words."""
    if isinstance(one, Scalar):
        return next(words)
    if isinstance(one, Group):
        members = [_value(context, builder, each, words) for each in one.rows]
        return context.make_tuple(builder, numba_type(one), members)
    data = next(words)
    return _array(context, builder, one, data, words) if one.sized else data


def _array(
    context: Any, builder: ir.IRBuilder, one: Rows, data: ir.Value, words: Iterator[ir.Value]
) -> Any:
    shape = [next(words) for _ in range(one.axes)]
    strides = [WORD(one.dtype.itemsize)]
    for length in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    array = context.make_array(numba_type(one))(context, builder)
    populate_array(array, data, shape, strides, WORD(one.dtype.itemsize), None)
    return array._getvalue()


if __name__ == "__main__":
    write(Path(sys.argv[1]), machine.digest())
