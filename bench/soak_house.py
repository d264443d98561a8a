"""What a soak's daemon lives among: a sound server, an OBS, a small disk, a wall clock; each can be taken away."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from obs_portrait.clock import now_ns
from obs_portrait.media.types import SAMPLE_RATE
from obs_portrait.pipeline.leak import ToneMark
from tests.media import real_pulse
from tests.obs import real_obs

__all__ = ["House"]

_BLOCK = 480
_SHIFT = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long long none = 0, *shift = &none;
static int (*ask)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("SHIFTED_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *there = file < 0 ? MAP_FAILED : mmap(0, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
    if (there != MAP_FAILED) shift = there;
    if (file >= 0) close(file);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (!ask) ask = dlsym(RTLD_NEXT, "clock_gettime");
    int wrong = ask(clock, time);
    if (!wrong && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += *shift;
    return wrong;
}

int gettimeofday(struct timeval *time, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
"""


class Listener(threading.Thread):
    """A program that has chosen the virtual microphone: hears it, looks for the mark, and comes back whenever it is
    there again."""

    def __init__(self, server: real_pulse.RealPulse) -> None:
        super().__init__(name="listener", daemon=True)
        self._server = server
        self._halt = threading.Event()
        self._mark = ToneMark()
        self.sound_ns = 0
        """When it last heard something."""
        self.heard = self.marked = 0
        """Samples that were not silent, and those with the mark."""

    def run(self) -> None:
        command = ["parec", "--device=obs_portrait_mic", f"--rate={SAMPLE_RATE}", "--channels=1", "--format=s16le",
                   "--raw", "--latency-msec=30"]  # fmt: skip
        environment = {**os.environ, **self._server.environment}
        while not self._halt.wait(0.05):
            with subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            ) as recorder:
                self._listen(recorder)
                recorder.kill()

    def _listen(self, recorder: subprocess.Popen[bytes]) -> None:
        assert recorder.stdout is not None
        kept: list[np.ndarray[tuple[int], np.dtype[np.float32]]] = []
        while not self._halt.is_set():
            data = recorder.stdout.read(2 * _BLOCK)
            if len(data) < 2 * _BLOCK:
                return
            block = np.frombuffer(data, "<i2").astype(np.float32) / 32768
            loud = int(np.count_nonzero(block))
            if loud:
                self.heard, self.sound_ns = self.heard + loud, now_ns()
            kept.append(block)
            if len(kept) * _BLOCK >= max(self._mark.window, SAMPLE_RATE // 2):
                self.marked += self._mark.leaked(np.concatenate(kept))
                kept = []

    def stop(self) -> None:
        """Ends it."""
        self._halt.set()
        self.join(5.0)


class SmallDisk:
    """A disk of 4 MB, mounted on a folder: the daemon's settings, state and logs are there. Needs root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, check=False
        )
        self.mounted = not done.returncode

    def fill(self) -> None:
        """Not a byte is left."""
        with (self.folder / "filler").open("wb", buffering=0) as out, contextlib.suppress(OSError):
            while True:
                out.write(bytes(4096))

    def free(self) -> None:
        """There is room again."""
        (self.folder / "filler").unlink(missing_ok=True)

    def close(self) -> None:
        """Takes it away."""
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=False)


class WallClock:
    """The time of day of the processes that are started while it is `shown`: a small library between them and the
    system adds to it (the machine's own clock is left alone). Their monotonic clock goes on, as it does when somebody
    sets the time of day. Needs a C compiler."""

    def __init__(self, folder: Path) -> None:
        self._file, library = folder / "shift", folder / "shift.so"
        self._file.write_bytes(struct.pack("q", 0))
        source = library.with_suffix(".c")
        source.write_text(_SHIFT)
        compiler = shutil.which("cc")
        command = [compiler or "cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source)]
        self.there = bool(compiler) and not subprocess.run(command, check=False).returncode
        self.environment = {"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(self._file)} if self.there else {}

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Processes that are started meanwhile have that clock."""
        os.environ.update(self.environment)
        try:
            yield
        finally:
            for name in self.environment:
                del os.environ[name]

    def jump(self, seconds: int) -> None:
        """At once their clocks are off by so much."""
        with self._file.open("r+b") as file:  # mapped by them: written in place
            file.write(struct.pack("q", seconds))


class House:
    """All of it, in a folder. What cannot be had here is None."""

    def __init__(self, folder: Path) -> None:
        self.disk = SmallDisk(folder / "config")
        self.clock = WallClock(folder)
        self.pulse = None if real_pulse.why_not() else real_pulse.RealPulse(folder)
        self.obs = None if real_obs.why_not() else real_obs.RealObs(folder / "obs", size=(160, 120), rate=10)
        self.listener: Listener | None = None
        self._screen: real_obs.Display | None = None
        self._panel: subprocess.Popen[bytes] | None = None
        self.desk = all(shutil.which(program) for program in ("Xvfb", "trayer"))
        """Whether there is a desktop with a tray."""

    def open(self) -> None:
        """Starts what has to run, and points this process's environment to it."""
        os.environ["OBS_PORTRAIT_CONFIG_DIR"] = str(self.disk.folder)
        if self.desk:
            self._screen = real_obs.display("800x600x24")
            os.environ["DISPLAY"] = self._screen.name
            os.environ.pop("WAYLAND_DISPLAY", None)
            self._panel = subprocess.Popen(
                ["trayer", "--edge", "top"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        if self.pulse is not None:
            os.environ.update(self.pulse.environment)
            self.pulse.start()
            self.listener = Listener(self.pulse)
            self.listener.start()
        if self.obs is not None:
            os.environ["XDG_CONFIG_HOME"] = str(self.obs.home / ".config")
            self.obs.start()

    def close(self) -> None:
        """Ends everything."""
        if self.listener is not None:
            self.listener.stop()
        if self.pulse is not None:
            self.pulse.kill()
        if self.obs is not None:
            self.obs.close()
        if self._panel is not None:
            self._panel.kill()
            self._panel.wait()
        if self._screen is not None:
            self._screen.stop()
        self.disk.close()
