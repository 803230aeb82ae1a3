"""Runs a command and prints how long it took and how much memory it and its children held at most: SECONDS MIB.

    measured.py OUTPUT COMMAND...

The memory is the greatest sum of what the processes held at one moment, looked at fifty times a second, or the greatest of any one of them by
the kernel's own count, whichever is more. What the command prints goes to the file OUTPUT.
"""

import os
import subprocess
import sys
import time


def tree(root):
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    children.setdefault(int(file.read().rsplit(")", 1)[1].split()[1]), []).append(int(name))
            except (OSError, IndexError):
                pass
    found, left = [], [root]
    while left:
        found.append(left.pop())
        left += children.get(found[-1], [])
    return found


def resident(process):
    try:
        with open(f"/proc/{process}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024
    except OSError:
        return 0


def main():
    with open(sys.argv[1], "wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(sys.argv[2:], stdout=output)
        peak = 0
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            peak = max(peak, sum(resident(one) for one in tree(process.pid)))
            time.sleep(0.02)
        seconds = time.perf_counter() - start
    if status != 0:
        sys.exit(f"measured: {sys.argv[2:]} ended with status {status}")
    print(f"{seconds:.2f} {max(peak, usage.ru_maxrss) // 1024}")


main()
