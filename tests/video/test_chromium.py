"""Chromium plays what we write, and shows the same pixels as without our messages."""

import json
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pauca.video.coders import Coding
from pauca.video.encode import VideoOptions, encode_video
from pauca.video.read import video_info

from .clips import Smoother, stripes, write_clip

pytest.importorskip("av")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

FRAMES = 12
PAGE = """<!doctype html><video muted></video><script>
const video = document.querySelector('video');
const told = name => new Promise((good, bad) => {
  video.addEventListener(name, good, {once: true});
  video.onerror = () => bad(new Error(video.error.message));
});
// A seek may end before its frame is there to be drawn; one that is there already is not told of.
async function shown(time) {
  const sought = told('seeked');
  const drawn = new Promise(good => video.requestVideoFrameCallback(good));
  video.currentTime = time;
  await sought;
  await Promise.race([drawn, new Promise(good => setTimeout(good, 500))]);
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', pixels));
  return Array.from(digest, byte => byte.toString(16).padStart(2, '0')).join('');
}
async function look() {
  const file = await (await fetch('/video')).blob();
  const ready = told('loadeddata');
  video.src = URL.createObjectURL(file);
  await ready;
  const hashes = [];
  for (let i = 0; i < FRAMES; i++) hashes.push(await shown((i + 0.6) / 25));
  const ended = told('ended');
  video.currentTime = 0;
  await video.play();
  await ended;
  return {hashes, width: video.videoWidth, height: video.videoHeight, seconds: video.duration};
}
const tell = found => fetch('/found', {method: 'POST', body: JSON.stringify(found)});
look().then(tell, error => tell({error: String(error)}));
</script>""".replace("FRAMES", str(FRAMES))


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Any]:
    """A function that plays a file in Chromium and returns what the page saw."""
    found: queue.Queue[dict[str, Any]] = queue.Queue()
    served: dict[str, bytes] = {"/": PAGE.encode()}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = served.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "video/mp4" if self.path == "/video" else "text/html")
            self.end_headers()
            self.wfile.write(body or b"")

        def do_POST(self) -> None:
            found.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def run(path: Path) -> dict[str, Any]:
        served["/video"] = path.read_bytes()
        words = f"--headless --no-sandbox --disable-gpu --no-first-run --disable-sync --mute-audio \
            --disable-background-networking --disable-component-update --disable-dev-shm-usage \
            --autoplay-policy=no-user-gesture-required --user-data-dir={tmp_path / path.stem}"
        address = f"http://127.0.0.1:{server.server_port}/"
        with (tmp_path / "chromium.log").open("wb") as log:
            browser = subprocess.Popen(
                [str(CHROMIUM), *words.split(), address], stdout=log, stderr=subprocess.STDOUT
            )
            try:
                return found.get(timeout=120)
            finally:
                browser.kill()
                browser.wait()

    yield run
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("codec", "preset"), [("h264", "veryfast"), ("av1", "10")])
def test_it_plays_and_shows_the_same_pixels(
    tmp_path: Path, play: Any, codec: str, preset: str
) -> None:
    source = write_clip(tmp_path / "in.mp4", FRAMES, (160, 96), cuts=(5,), even=True, draw=stripes)
    coding = Coding(codec, 32, None, preset)
    ours, plain = tmp_path / "ours.mp4", tmp_path / "plain.mp4"
    encode_video(str(source), ours, VideoOptions(coding, filter=Smoother()))
    encode_video(str(source), plain, VideoOptions(coding))
    assert video_info(str(ours)).message_bytes and not video_info(str(plain)).message_bytes
    seen, expected = play(ours), play(plain)
    assert "error" not in seen and "error" not in expected, (seen, expected)
    assert (seen["width"], seen["height"]) == (160, 96)
    assert seen["seconds"] == pytest.approx(FRAMES / 25, abs=0.05)
    assert len(set(seen["hashes"])) == FRAMES  # every frame is another one
    assert seen["hashes"] == expected["hashes"]
