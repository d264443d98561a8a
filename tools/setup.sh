#!/bin/sh
# Makes .venv and installs OBS Portrait into it: `sh tools/setup.sh base|test`.
# Looks for Python and the few system libraries first. As root on Debian or Ubuntu it installs what is missing;
# otherwise it prints the one line to type and stops. Does nothing if nothing has changed since the last time.
set -eu

what=${1:-base}
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

case $what in base | test) ;; *) fail "there is nothing called '$what' to set up; type: sh tools/setup.sh base, or test" ;; esac

find_python() {
    for name in "${PYTHON:-}" python3.13 python3.12 python3.11 python3 python; do
        [ -n "$name" ] || continue
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

# Is a shared library there? The loader's cache knows, and where there is none (musl, NixOS) Python's loader tries.
has_library() {
    { ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null; } | grep -q "$1" && return 0
    [ -n "$python" ] && "$python" -c "import ctypes; ctypes.CDLL('$1')" >/dev/null 2>&1
}

packages=
need() { packages="$packages $1"; }

python=$(find_python || true)
if [ "$(uname -s)" = Linux ]; then
    [ -n "$python" ] || need python3
    if [ -z "$python" ] || ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then need python3-venv; fi
    has_library libGL.so.1 || need libgl1                 # OpenCV
    has_library libEGL.so.1 || need libegl1               # MediaPipe
    has_library libGLESv2.so.2 || need libgles2           # MediaPipe
    has_library libportaudio.so.2 || need libportaudio2   # microphone and loudspeaker
    has_library libglib-2.0.so.0 || need libglib2.0-0     # OpenCV's windows
    has_library libxcb.so.1 || need libxcb1               # screen capture
    if [ "$what" = test ]; then
        command -v ffmpeg >/dev/null 2>&1 || need ffmpeg
        command -v Xvfb >/dev/null 2>&1 || need xvfb
        command -v pulseaudio >/dev/null 2>&1 || need pulseaudio
        command -v pactl >/dev/null 2>&1 || need pulseaudio-utils
        command -v flite >/dev/null 2>&1 || need flite
        # Real OBS under Xvfb, for tests/obs: its plug-ins, software OpenGL, a session bus, keys and screenshots.
        command -v obs >/dev/null 2>&1 || need obs-studio
        [ -n "$(find /usr/lib -name 'obs-ffmpeg.so' 2>/dev/null | head -n 1)" ] || need obs-plugins
        [ -n "$(find /usr/lib -name 'swrast_dri.so' 2>/dev/null | head -n 1)" ] || need libgl1-mesa-dri
        command -v dbus-run-session >/dev/null 2>&1 || need dbus-daemon
        command -v xdotool >/dev/null 2>&1 || need xdotool
        command -v import >/dev/null 2>&1 || need imagemagick
        # The page, for tests/browser.
        command -v chromium >/dev/null 2>&1 || need chromium
        [ -n "$(find /usr/share/fonts -iname '*cjk*' 2>/dev/null | head -n 1)" ] || need fonts-noto-cjk
        [ -n "$(find /usr/lib -name 'libasound_module_pcm_pulse.so' 2>/dev/null | head -n 1)" ] || need libasound2-plugins
        # A real tray for tests/daemon/tray, and what draws its menu.
        command -v trayer >/dev/null 2>&1 || need trayer
        [ -d /usr/lib/python3/dist-packages/gi ] || need python3-gi
        [ -n "$(find /usr/lib -name 'Gtk-3.0.typelib' 2>/dev/null | head -n 1)" ] || need gir1.2-gtk-3.0
        [ -n "$(find /usr/lib -name 'AyatanaAppIndicator3-*.typelib' 2>/dev/null | head -n 1)" ] ||
            need gir1.2-ayatanaappindicator3-0.1
        # A kernel with v4l2loopback that QEMU boots, for tests/vm; another processor than x86-64 leaves them out.
        if [ "$(uname -m)" = x86_64 ] && [ "$(. /etc/os-release 2>/dev/null && echo "${ID:-}")" = debian ]; then
            command -v qemu-system-x86_64 >/dev/null 2>&1 || need qemu-system-x86
            [ -n "$(find /lib/modules -name 'v4l2loopback.ko*' 2>/dev/null | head -n 1)" ] ||
                need 'linux-image-amd64 linux-headers-amd64 v4l2loopback-dkms'
            command -v busybox >/dev/null 2>&1 || need busybox-static
            command -v udevadm >/dev/null 2>&1 || need udev
            command -v modprobe >/dev/null 2>&1 || need kmod
        fi
    fi
fi

if [ -n "$packages" ]; then
    if command -v apt-get >/dev/null 2>&1; then
        if [ "$(id -u)" = 0 ]; then
            say "installing with apt-get:$packages"
            apt-get update -qq
            # shellcheck disable=SC2086 # one package a word
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
            python=$(find_python || true)
        elif [ "$what" = test ] && [ -n "$python" ] && "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            say "some tests will be left out; for all of them type: sudo apt-get install -y$packages"
        else
            fail "some system packages are missing; type: sudo apt-get install -y$packages"
        fi
    else
        say "these are missing; install them with your package manager:$packages (Debian's names)"
    fi
fi
[ -n "$python" ] || fail "Python 3.11, 3.12 or 3.13 is needed; install one, or name it: PYTHON=/path/to/python3.12 make"

stamp=.venv/.obs-portrait-$what
wanted=$(cat pyproject.toml constraints.txt tools/setup.sh | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi

[ -x .venv/bin/python ] || { say "making .venv with $("$python" --version)"; "$python" -m venv .venv; }
if [ "$what" = test ]; then target='.[test]'; else target='.'; fi
say "installing $target (a few hundred megabytes the first time)"
.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --editable "$target" ||
    fail "the installation failed; the lines above say why. Nothing outside .venv was changed."
rm -f .venv/.obs-portrait-*
printf '%s\n' "$wanted" >"$stamp"
if [ "$(uname -s)" = Linux ] && [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    why=$(.venv/bin/python -m daemon.tray.gi_door 2>/dev/null || true)
    [ -z "$why" ] || say "no tray icon yet, all else works: $why"
fi
[ "$what" = test ] && printf '%s\n' "$wanted" >.venv/.obs-portrait-base
say "done"
