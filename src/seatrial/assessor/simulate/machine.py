"""Machine code of the kernels: made of their LLVM module once for this processor, and kept.

The module comes with the wheel. Where it does not, or is of other sources, as in a checkout,
`lowering` makes it here.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm
import platformdirs

from seatrial.files import write_atomic
from seatrial.kernel import policies

HERE = Path(__file__).parent
SHIPPED = HERE / "kernels.bc"
"""The module, after a line with the digest of the sources it was made of."""
FOLDER = "SEATRIAL_KERNELS_DIR"

_loading = threading.Lock()
_engines: list[llvm.ExecutionEngine] = []


def address(symbol: str) -> int:
    """Where a kernel's machine code is; it is made first if need be."""
    return int(_engine(lambda _: None).get_function_address(symbol))


def prepare(tell: Callable[[str], None]) -> None:
    """Have the machine code ready; says so when that takes seconds."""
    _engine(tell)


def _engine(tell: Callable[[str], None]) -> llvm.ExecutionEngine:
    with _loading:
        if not _engines:
            engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _this())
            engine.add_object_file(llvm.ObjectFileRef.from_data(_code(tell)))
            engine.finalize_object()
            _engines.append(engine)
    return _engines[0]


def digest() -> str:
    """Of all that the kernels may be made of."""
    files = [*sorted(HERE.glob("*.py")), Path(policies.__file__)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _code(tell: Callable[[str], None]) -> bytes:
    """An object file for this processor."""
    folder, sources = _folder(), digest()
    processor = f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"
    name = hashlib.sha256(f"{sources} {llvmlite.__version__} {processor}".encode()).hexdigest()
    kept = folder / f"{name[:24]}.o"
    if kept.is_file():
        return kept.read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    # Who finds the code made does without locks, which load all of asyncio.
    from filelock import FileLock

    with FileLock(folder / "lock"):
        # Another process may have made it in the meantime.
        if not kept.is_file():
            module = _module(folder / f"{sources[:24]}.bc", sources, tell)
            tell("compiling the simulator for this processor, once: some seconds")
            write_atomic(kept, _compiled(module))
    return kept.read_bytes()


def _folder() -> Path:
    stated = os.environ.get(FOLDER)
    return Path(stated) if stated else Path(platformdirs.user_cache_dir("seatrial")) / "kernels"


def _module(made: Path, sources: str, tell: Callable[[str], None]) -> bytes:
    """The kernels as LLVM bitcode: shipped, made before, or made now."""
    for file in (SHIPPED, made):
        if file.is_file():
            of, _, module = file.read_bytes().partition(b"\n")
            if of.decode() == sources:
                return module
    tell("translating the simulator's kernels, once: half a minute")
    # Numba, which takes a second: who has the wheel does without.
    from seatrial.assessor.simulate import lowering

    lowering.write(made, sources)
    return made.read_bytes().partition(b"\n")[2]


def target(cpu: str, features: str) -> llvm.TargetMachine:
    """A processor of this kind, and code that runs where it is loaded."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    kind = llvm.Target.from_triple(llvm.get_process_triple())
    # As numba has it: x86 wants code that stays where it is.
    reloc = "static" if kind.name.startswith("x86") else "default"
    return kind.create_target_machine(
        cpu=cpu, features=features, opt=3, reloc=reloc, codemodel="jitdefault", jit=True
    )


def _this() -> llvm.TargetMachine:
    return target(llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())


def _compiled(bitcode: bytes) -> bytes:
    """An object file of a module: all of LLVM's usual passes, none of which changes a result."""
    machine, module = _this(), llvm.parse_bitcode(bitcode)
    module.triple, module.data_layout = llvm.get_process_triple(), str(machine.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization, options.slp_vectorization = True, False
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    return bytes(machine.emit_object(module))
