"""The wheel of seatrial-runtime, packed from what is installed.

Bundles and environments carry the runtime themselves, so an app never depends on where it could
be fetched from. The bytes are the same for the same installed files.
"""

from __future__ import annotations

import io
import zipfile
from importlib.metadata import PackageNotFoundError, distribution

from seatrial.kernel.errors import ToolError

DISTRIBUTION = "seatrial-runtime"
NOT_PACKED = ("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")
EPOCH = (1980, 1, 1, 0, 0, 0)


def pack() -> tuple[str, bytes]:
    """File name and bytes of the installed runtime's wheel."""
    try:
        installed = distribution(DISTRIBUTION)
    except PackageNotFoundError:
        raise ToolError(
            f"{DISTRIBUTION} is not installed", fix="install it beside seatrial: `make setup`"
        ) from None
    files = {
        str(path): path.read_binary()
        for path in installed.files or ()
        if not str(path).startswith("..") and path.suffix != ".pyc" and path.name not in NOT_PACKED
    }
    record = next((name for name in files if name.endswith(".dist-info/RECORD")), None)
    if record is None or not any(name.startswith("seatrial_runtime/") for name in files):
        raise ToolError(
            f"{DISTRIBUTION} is not installed from a wheel", fix="install it with `make setup`"
        )
    kept = [line for line in files[record].decode().splitlines() if line.split(",")[0] in files]
    files[record] = ("\n".join(kept) + "\n").encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), files[name], zipfile.ZIP_DEFLATED)
    return f"seatrial_runtime-{installed.version}-py3-none-any.whl", buffer.getvalue()
