import json
import os
import select
import subprocess
from pathlib import Path

import pytest
from telemetry_process import run_code, start_code


def test_lines_carry_the_request_and_what_every_line_has(tmp_path: Path) -> None:
    ran = run_code(
        tmp_path,
        """
        print("before")
        with running(request("id-7")):
            print("two", "words"); print("to stderr", file=sys.stderr)
            print("many\\nlines")
        """,
    )
    assert ran.code == 0
    first, second, third, fourth = (*json_lines(ran.out), *json_lines(ran.err))
    assert first["message"] == "before" and "correlation_id" not in first
    assert second["message"] == "two words" and second["correlation_id"] == "id-7"
    assert third["message"] == "many\nlines"
    assert (fourth["message"], fourth["source"]) == ("to stderr", "stderr")
    for event in ran.events:
        assert (event["service"], event["environment"]) == ("shop", "staging")
        assert event["timestamp"].endswith("Z") and event["level"] == "info"


def json_lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_unfinished_lines_of_threads_and_tasks_do_not_mix(tmp_path: Path) -> None:
    ran = run_code(
        tmp_path,
        """
        import asyncio
        gate = threading.Barrier(4)
        def work(n):
            with running(request(f"thread-{n}")):
                for part in ("a", "b", "c"):
                    print(f"{part}{n}", end=" "); gate.wait()
                print()
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        [t.start() for t in threads]; [t.join() for t in threads]
        async def task(n):
            with running(request(f"task-{n}")):
                for part in ("a", "b", "c"):
                    print(f"{part}{n}", end=" "); await asyncio.sleep(0)
                print()
        async def main():
            await asyncio.gather(*(task(n) for n in range(4)))
        asyncio.run(main())
        print("no end", end=""); start.finish(1)
        """,
    )
    messages = {event.get("correlation_id"): event["message"] for event in ran.named("print")}
    for kind in ("thread", "task"):
        for n in range(4):
            assert messages[f"{kind}-{n}"].strip() == f"a{n} b{n} c{n}"
    assert messages[None] == "no end"


def test_json_lines_keep_their_fields_and_get_the_missing_ones(tmp_path: Path) -> None:
    ran = run_code(
        tmp_path,
        """
        import structlog, json
        structlog.configure(processors=[structlog.processors.add_log_level,
                                        structlog.processors.JSONRenderer()])
        with running(request("id-9")):
            structlog.get_logger().warning("sold", item="cup", n=2)
            print(json.dumps({"level": "ERROR", "msg": "own", "correlation_id": "mine"}))
            print('{"a": 1}\\n{"b": 2}')
            print('{"not": json')
        """,
    )
    assert ran.code == 0, ran.everything
    [sold] = ran.named("sold")
    assert (sold["level"], sold["item"], sold["n"]) == ("warning", "cup", 2)
    assert sold["correlation_id"] == "id-9" and sold["timestamp"]
    own, a, b, broken = ran.named("print")
    assert (own["level"], own["msg"], own["correlation_id"]) == ("error", "own", "mine")
    assert a["a"] == 1 and b["b"] == 2
    assert broken["message"] == '{"not": json'


def test_the_streams_stand_what_programs_do_to_them(tmp_path: Path) -> None:
    ran = run_code(
        tmp_path,
        """
        import io, subprocess, faulthandler, contextlib
        for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
            assert stream.isatty() is False and stream.fileno() == number
            assert stream.encoding == "utf-8" and stream.errors and stream.name
            assert stream.writable() and not stream.readable() and not stream.seekable()
            assert not stream.closed and stream.newlines is None and stream.mode == "w"
            stream.reconfigure(encoding="utf-8", line_buffering=True)
            stream.flush(); stream.buffer.flush()
            assert stream.buffer.fileno() == number and not stream.buffer.isatty()
            stream.close(); stream.buffer.close(); stream.buffer.raw
            with contextlib.suppress(TypeError):
                stream.write(b"bytes"); raise SystemExit("wrote bytes into text")
        wrapper = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", line_buffering=True)
        wrapper.write("wrapped é\\n"); wrapper.flush(); wrapper.detach()
        sys.stdout.buffer.write("漢".encode()[:2])
        sys.stdout.buffer.write("漢".encode()[2:] + b"\\n")
        sys.stdout.buffer.write(b"\\xff\\xfe\\n"); sys.stdout.buffer.write(memoryview(b"view\\n"))
        print("colour \\x1b[31mred\\x1b[0m", "\\x9b31m", "\\u2028end")
        print("surrogate \\udcff"); print(10**30)
        print("x" * 200000)
        subprocess.run([sys.executable, "-c", "print('child')"], stdout=sys.stdout, check=True)
        faulthandler.enable(); faulthandler.dump_traceback()
        sys.__stdout__.write("the saved one\\n")
        with contextlib.redirect_stdout(io.StringIO()) as kept:
            print("kept")
        assert kept.getvalue() == "kept\\n"
        """,
    )
    assert ran.code == 0, ran.everything
    messages = [event["message"] for event in ran.named("print")]
    assert messages[:4] == ["wrapped é", "漢", "\\xff\\xfe", "view"]
    assert messages[4].startswith("colour red ")
    assert messages[-1] == "the saved one"
    assert max(map(len, messages)) <= 65536 + 20
    assert b"child" in ran.raw and b"most recent call first" in ran.raw
    # Nothing in a line can move the cursor or end the line for another reader.
    assert not set(ran.out) & set("\x1b\x9b\x7f\u2028\u2029\x85")


def test_a_child_of_a_fork_prints_though_a_thread_was_printing(tmp_path: Path) -> None:
    ran = run_code(
        tmp_path,
        """
        stop = threading.Event()
        def noise():
            while not stop.is_set(): print("noise", end=""); print()
        threads = [threading.Thread(target=noise) for _ in range(3)]
        [t.start() for t in threads]
        print("parent has begun", end=" ")
        for n in range(30):
            child = os.fork()
            if child == 0:
                print("child", n); os._exit(0)
            os.waitpid(child, 0)
        stop.set(); [t.join() for t in threads]; print("a line")
        """,
    )
    messages = [event["message"] for event in ran.named("print") if event["message"] != "noise"]
    assert messages == [*(f"child {n}" for n in range(30)), "parent has begun a line"]


def test_a_traceback_printed_line_by_line_is_one_event(tmp_path: Path) -> None:
    ran = run_code(
        tmp_path,
        """
        import traceback
        def deep(): raise KeyError("gone")
        try: deep()
        except KeyError: traceback.print_exc()
        print("after")
        """,
    )
    after, trace = ran.named("print")
    assert trace["level"] == "error" and trace["message"].endswith("KeyError: 'gone'")
    assert "in deep" in trace["message"] and after["message"] == "after"


def test_uncaught_exceptions_are_one_event_each(tmp_path: Path) -> None:
    ran = run_code(
        tmp_path,
        """
        def work():
            secret_local = "local-value-1234"
            raise LookupError("in a thread")
        thread = threading.Thread(target=work, name="mailer"); thread.start(); thread.join()
        raise OSError("at the end")
        """,
    )
    assert ran.code == 1
    thread, end = ran.named("uncaught")
    assert (thread["thread"], thread["type"]) == ("mailer", "LookupError")
    assert end["level"] == "critical" and "OSError: at the end" in end["traceback"]
    assert "local-value-1234" not in ran.everything.replace('secret_local = "local-value-1234"', "")


@pytest.mark.parametrize("blocking", [False, True])
def test_a_reader_that_stops_does_not_stop_the_app(tmp_path: Path, blocking: bool) -> None:
    code = """
        for n in range(20000):
            logs.emit("info", "step", n=n, pad="x" * 100)
        os.write(1, b"done\\n"); sys.stdin.readline()
        logs.emit("info", "again"); logs.emit("info", "again")
    """
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, blocking)
    process = start_code(tmp_path, code, (write_end, write_end))
    os.close(write_end)
    assert process.stdout is not None
    if blocking:  # Then only somebody who reads keeps it going.
        assert process.stdin is not None
        process.stdin.close()
        os.set_blocking(read_end, True)
        with open(read_end, "rb") as lines:
            read = [json.loads(line) for line in lines]
        assert [event["n"] for event in read if event["event"] == "step"] == list(range(20000))
        assert process.wait(30) == 0
        return
    assert process.stdout.readline() == b"done\n"
    with open(read_end, "rb") as lines:
        taken = drain(read_end)
        process.communicate(b"go on\n", timeout=30)
        taken += lines.read()
    events = [json.loads(line) for line in taken.splitlines()]
    steps = [event["n"] for event in events if event["event"] == "step"]
    [dropped] = [event for event in events if event["event"] == "log_lines_dropped"]
    assert steps == list(range(len(steps))) and len(steps) + dropped["lines"] >= 20000
    assert events[-1]["event"] == "again"


def drain(fd: int) -> bytes:
    taken = b""
    while select.select([fd], [], [], 0)[0]:
        chunk = os.read(fd, 65536)
        if not chunk:
            break
        taken += chunk
    return taken


def test_a_closed_pipe_does_not_stop_the_app(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    code = "print('x'); logging.error('y'); os.write(1, b'alive')"
    os.close(read_end)
    process = start_code(tmp_path, code, (write_end, write_end))
    os.close(write_end)
    assert process.communicate(timeout=30)[0] == b"alive" and process.returncode == 0
    assert isinstance(process, subprocess.Popen)
