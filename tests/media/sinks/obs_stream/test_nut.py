"""What the NUT writer writes is what FFmpeg reads: bytes, order and stamps, for any of them."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from obs_portrait.media.sinks.obs_stream import nut
from obs_portrait.media.sinks.obs_stream.nut import AUDIO, VIDEO, NutWriter, crc32

Packet = tuple[int, int, bytes]
"""stream, stamp, payload"""

_SYNC = nut._SYNC.to_bytes(8, "big")


def written(writer: NutWriter, packets: list[Packet]) -> bytes:
    return writer.header() + b"".join(
        writer.frame(stream, pts, len(payload)) + payload for stream, pts, payload in packets
    )


@st.composite
def streams(draw: st.DrawFn) -> tuple[NutWriter, list[Packet]]:
    """Pictures and sounds in any order; in each stream the stamps grow, the streams lie to each other as they like."""
    width, height = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    writer = NutWriter(width, height, draw(st.sampled_from((8_000, 44_100, 48_000))), draw(st.integers(10, 100_000)))
    last = {VIDEO: draw(st.integers(0, 1 << 40)), AUDIO: draw(st.integers(0, 1 << 40))}
    packets = []
    for stream in draw(st.lists(st.sampled_from((VIDEO, AUDIO)), min_size=1, max_size=12)):
        last[stream] += draw(st.integers(1, 10_000_000))
        size = width * height * 4 if stream == VIDEO else 2 * draw(st.integers(1, 3000))
        packets.append((stream, last[stream], draw(st.randoms(use_true_random=False)).randbytes(size)))
    return writer, packets


@given(streams())
def test_what_is_written_is_read_back_byte_by_byte(given: tuple[NutWriter, list[Packet]]) -> None:
    writer, packets = given
    with av.open(io.BytesIO(written(writer, packets)), format="nut") as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.index, audio.index) == (VIDEO, AUDIO)
        assert (video.width, video.height, video.codec_context.pix_fmt) == (writer.width, writer.height, "bgra")
        assert video.time_base == Fraction(1, writer.ticks)
        assert (audio.rate, audio.channels, audio.codec.name) == (writer.rate, 1, "pcm_s16le")
        assert audio.time_base == Fraction(1, writer.rate)
        read = [(one.stream.index, one.pts, bytes(one)) for one in container.demux() if one.size]
    assert read == packets


def test_colours_and_samples_come_out_as_they_went_in() -> None:
    """Decoded, not only demuxed: no channel is swapped, no row is shifted, no byte order is wrong."""
    picture = np.random.default_rng(1).integers(0, 256, (6, 10, 4), np.uint8)
    picture[..., 3] = 255
    sound = np.array([0, 1, -1, 32767, -32768, 258], np.int16)
    packets = [(VIDEO, 3, picture.tobytes()), (AUDIO, 4, sound.astype("<i2").tobytes())]
    with av.open(io.BytesIO(written(NutWriter(10, 6), packets)), format="nut") as container:
        image, samples = (frame for packet in container.demux() for frame in packet.decode())
    assert isinstance(image, av.VideoFrame)
    assert isinstance(samples, av.AudioFrame)
    assert np.array_equal(image.to_ndarray(format="rgb24"), picture[..., 2::-1])
    assert np.array_equal(samples.to_ndarray()[0], sound)
    assert (image.pts, samples.pts) == (3, 4)


def test_a_stream_that_is_cut_anywhere_gives_whole_packets_and_never_a_wrong_one() -> None:
    """The producer may be killed at any byte."""
    rng = np.random.default_rng(2)
    packets = [(n % 2, 10 * n, rng.bytes(64 if n % 2 == VIDEO else 20)) for n in range(6)]
    data = written(NutWriter(4, 4), packets)
    for cut in range(data.index(_SYNC) + 40, len(data), 7):
        read = []
        try:
            with av.open(io.BytesIO(data[:cut]), format="nut") as container:
                for one in container.demux():
                    read += [(one.stream.index, one.pts, bytes(one))] if one.size and not one.is_corrupt else []
        except av.FFmpegError:
            pass
        whole = [packet for packet in read if len(packet[2]) == len(packets[0 if packet[0] == VIDEO else 1][2])]
        assert whole == packets[: len(whole)]


@given(st.binary(max_size=300))
def test_a_packet_followed_by_its_checksum_has_the_checksum_0(data: bytes) -> None:
    assert crc32(data + crc32(data).to_bytes(4, "big")) == 0


@given(st.binary(min_size=1, max_size=100), st.data())
def test_the_checksum_notices_every_changed_byte(data: bytes, draw: st.DataObject) -> None:
    at, change = draw.draw(st.integers(0, len(data) - 1)), draw.draw(st.integers(1, 255))
    other = data[:at] + bytes([data[at] ^ change]) + data[at + 1 :]
    assert crc32(other) != crc32(data)


@given(st.integers(0, (1 << 63) - 1))
def test_numbers_are_as_short_as_can_be_and_read_back(value: int) -> None:
    raw = nut._v(value)
    assert len(raw) == max(1, -(-value.bit_length() // 7))
    assert all(byte & 0x80 for byte in raw[:-1])
    assert not raw[-1] & 0x80
    read = 0
    for byte in raw:
        read = read << 7 | byte & 0x7F
    assert read == value


@given(streams())
def test_every_frame_has_a_sync_point_that_leads_to_the_one_before(given: tuple[NutWriter, list[Packet]]) -> None:
    """back_ptr_div16 leads to at most 15 bytes before the sync point before; the first one has none before it."""
    writer, packets = given
    data = written(writer, packets)
    places = [at for at in range(len(data)) if data.startswith(_SYNC, at)]
    assert len(places) == len(packets)
    for before, at in zip([places[0], *places], places, strict=False):
        length, content = data[at + 8], data[at + 9 :]
        values, value = [], 0
        for byte in content[: length - 4]:
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                values.append(value)
                value = 0
        assert crc32(content[:length]) == 0
        assert values[1] * 16 <= at - before <= values[1] * 16 + 15
