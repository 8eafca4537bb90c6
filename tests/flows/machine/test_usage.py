import subprocess
import sys
import time

from flows.machine import usage

WORK = """
import subprocess, sys, time
subprocess.run([sys.executable, "-c", "sum(range(10_000_000))"])
with open("/dev/null", "wb") as file:
    file.write(b"0" * 5_000_000)
print("done", flush=True)
time.sleep(60)
"""


def test_a_process_that_goes_on_and_the_children_that_it_has_waited_for_are_counted():
    process = subprocess.Popen([sys.executable, "-c", WORK], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"done\n"
        used = usage.cpu_s(process.pid)
        assert used > 0.1
        assert usage.all_moved(process.pid).written_bytes >= 5_000_000
        assert usage.cpu_s(process.pid) - used < 0.1
    finally:
        process.kill()
        process.wait()


def test_a_process_that_is_gone_takes_nothing():
    process = subprocess.Popen(["true"])
    process.wait()
    time.sleep(0.1)
    assert usage.cpu_s(process.pid) == 0.0
    assert usage.moved(process.pid) == usage.IoBytes()
