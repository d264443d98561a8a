"""What other sites, other ports and hostile names try in a real browser."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import expect

from daemon.control.guard import COOKIE
from obs_portrait.errors import ProfileError
from tests.browser.conftest import Visit
from tests.browser.double import Double

ATTACK = '<img src=x onerror="window.attacked=1"><script>window.attacked=1</script>"\'>&lt;b&gt;'


class _Site(BaseHTTPRequestHandler):
    """Another program's web server on this computer: same site for a cookie, another origin for everything else."""

    def do_GET(self) -> None:
        self.server.heard.append(dict(self.headers))  # type: ignore[attr-defined]
        body = b"<!doctype html><meta charset=utf-8><title>elsewhere</title><p>elsewhere</p>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def elsewhere() -> Iterator[ThreadingHTTPServer]:
    """A site on another port; `heard`: the headers that came."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as site:
        site.heard = []  # type: ignore[attr-defined]
        site.daemon_threads = True
        serving = threading.Thread(target=site.serve_forever, args=(0.05,))
        serving.start()
        yield site
        site.shutdown()
        serving.join()


def _ask(double: Double, method: str, path: str, **headers: str) -> int:
    """A program that knows some secrets and sends what it likes."""
    link = http.client.HTTPConnection("127.0.0.1", double.server.port, timeout=10)
    try:
        body = b'{"on": true}' if method == "POST" else None
        link.request(method, path, body, {"Content-Type": "application/json", **headers})
        return link.getresponse().status
    finally:
        link.close()


def test_another_site_reaches_nothing_with_our_cookie_in_the_browser(
    visit: Callable[..., Visit], double: Double, elsewhere: ThreadingHTTPServer
) -> None:
    there = visit()
    expect(there.page.locator(".stage-name")).to_have_text("ada")
    before = list(double.asked)
    page = there.context.new_page()
    for host in ("127.0.0.1", "localhost"):
        page.goto(f"http://{host}:{elsewhere.server_port}/")
        tried = page.evaluate(
            """async (url) => {
              const seen = [];
              const tries = [
                ["POST", "/v1/panic", {"Content-Type": "application/json"}, '{"on": true}'],
                ["POST", "/v1/panic", {"Content-Type": "text/plain"}, '{"on": true}'],
                ["GET", "/v1/status", {}, undefined],
                ["DELETE", "/v1/session", {}, undefined],
              ];
              for (const mode of ["cors", "no-cors"]) {
                for (const [method, path, headers, body] of tries) {
                  try {
                    const answer = await fetch(url + path, {method, headers, body, mode, credentials: "include"});
                    seen.push(answer.type === "opaque" ? 0 : answer.status);
                  } catch { seen.push(0); }
                }
              }
              const image = await new Promise((done) => {
                const made = new Image();
                made.onload = () => done("shown"); made.onerror = () => done("refused");
                made.src = url + "/v1/preview";
              });
              const socket = await new Promise((done) => {
                const made = new WebSocket(url.replace("http", "ws") + "/v1/events");
                made.onopen = () => done("open"); made.onerror = () => done("refused");
              });
              const frame = await new Promise((done) => {
                const made = document.createElement("iframe");
                made.onload = () => done("something");
                made.src = url + "/";
                document.body.append(made);
              });
              return {seen, image, socket, frame};
            }""",
            double.url,
        )
        assert set(tried["seen"]) == {0}
        assert (tried["image"], tried["socket"]) == ("refused", "refused")
        assert page.frames[-1].locator(".app, .door").count() == 0  # our page in nobody's frame
    assert double.asked == before
    expect(there.page.locator(".stage-state")).to_have_text("Live")


def test_a_form_of_another_site_changes_nothing(
    visit: Callable[..., Visit], double: Double, elsewhere: ThreadingHTTPServer
) -> None:
    there = visit()
    page = there.context.new_page()
    page.goto(f"http://127.0.0.1:{elsewhere.server_port}/")
    with page.expect_response(f"{double.url}/v1/panic") as answered:
        page.evaluate(
            """url => {
              const made = (tag, what) => Object.assign(document.createElement(tag), what);
              const form = made("form", {method: "post", action: url, enctype: "text/plain"});
              form.append(made("input", {name: '{"on": true, "x": "', value: '"}'}));
              document.body.append(form);
              form.submit();
            }""",
            f"{double.url}/v1/panic",
        )
    assert answered.value.status == 403
    assert ("panic", True) not in double.asked


def test_a_link_from_anywhere_leads_to_the_page(
    visit: Callable[..., Visit], double: Double, elsewhere: ThreadingHTTPServer
) -> None:
    there = visit()
    page = there.context.new_page()
    page.goto(f"http://localhost:{elsewhere.server_port}/")
    page.evaluate("url => { location.href = url; }", f"{double.url}/")
    expect(page.locator(".stage-name")).to_have_text("ada")


def test_who_gets_the_cookie_alone_gets_nothing_but_clips(
    visit: Callable[..., Visit], double: Double, elsewhere: ThreadingHTTPServer
) -> None:
    """Browsers show cookies to every port: another program on this computer may collect ours."""
    there = visit()
    page = there.context.new_page()
    page.goto(f"http://127.0.0.1:{elsewhere.server_port}/v1/x")
    got = " ".join(headers.get("Cookie", "") for headers in elsewhere.heard)  # type: ignore[attr-defined]
    (cookie,) = [one for one in there.context.cookies() if one["name"] == COOKIE]
    assert cookie["value"] in got  # that is why
    theirs = {"Cookie": f"{COOKIE}={cookie['value']}", "Origin": double.url}
    for path in ("/v1/status", "/v1/preview", "/v1/preview/camera", "/v1/personas", "/v1/settings", "/v1/clips"):
        assert _ask(double, "GET", path, **theirs) == 401, path
    for path in ("/v1/panic", "/v1/preview/camera", "/v1/session/code"):
        assert _ask(double, "POST", path, **theirs) == 401, path
    key = there.page.evaluate("localStorage.getItem('obs-portrait.key')")
    assert _ask(double, "GET", "/v1/status", **{"X-Page-Key": key}) == 401  # nor who gets the key alone
    whole = {**theirs, "X-Page-Key": key}
    assert _ask(double, "GET", "/v1/status", **whole) == 200
    assert _ask(double, "POST", "/v1/panic", **whole) == 200
    assert _ask(double, "POST", "/v1/session/code", **whole) == 403  # a page invites nobody
    del whole["Origin"]
    assert _ask(double, "POST", "/v1/panic", **whole) == 401
    assert _ask(double, "POST", "/v1/panic", **{**whole, "Origin": "http://127.0.0.1:1"}) == 403


def test_hostile_names_and_sentences_are_text(visit: Callable[..., Visit], double: Double) -> None:
    double.stage.more_personas = [
        {
            "name": ATTACK,
            "description": ATTACK,
            "ready": True,
            "on_stage": False,
            "hotkey": ATTACK,
            "problem": ATTACK,
            "reveals": False,
        }
    ]
    double.stage.persona = ATTACK
    double.stage.scene_names = [ATTACK, "Gaming"]
    double.stage.rules = {ATTACK: ATTACK, f"{ATTACK}*": ATTACK}
    double.stage.extra = {
        "problems": [ATTACK], "hints": [{"text": ATTACK + "2", "fix": ATTACK}], "state": ATTACK,
        "obs": {"connected": False, "problem": ATTACK}, "quality": {"score": 0.5, "advice": ATTACK},
        "stage_ms": {ATTACK: 4.0},  # type: ignore[typeddict-item]
    }  # fmt: skip
    double.rooms.kept[0]["name"] = double.rooms.kept[0]["persona"] = ATTACK
    double.rooms.plugged["cameras"][0]["name"] = ATTACK
    double.stage.settings_path = double.stage.settings_path / ATTACK  # type: ignore[operator]
    there = visit()
    expect(there.page.locator(".stage-name")).to_have_text(ATTACK)
    expect(there.page.locator(".problem")).to_have_count(2)
    expect(there.page.locator(".problem").first).to_contain_text(ATTACK)
    double.stage.error = ProfileError(ATTACK)
    there.page.get_by_role("button", name="bronze").click()
    expect(there.page.locator(".toast[data-tone=bad]")).to_have_text(ATTACK)
    double.stage.error = None
    for view, shows in (
        ("meters", ".stages"), ("scenes", ".scene-name"), ("clips", ".clip-name"), ("settings", ".form-holder"),
        ("newcomer", ".drop"),
    ):  # fmt: skip
        there.go(view)
        expect(there.page.locator(shows).first).to_be_visible()
        if shows in {".stages", ".scene-name", ".clip-name"}:
            expect(there.page.locator(shows).first).to_contain_text(ATTACK)
    assert there.page.evaluate("window.attacked") is None
    assert there.page.locator("img[src=x]").count() == 0
    assert there.page.locator("script").count() == 1


def test_the_browser_holds_the_page_to_its_policy(visit: Callable[..., Visit]) -> None:
    """Even a fault of ours could not run a stranger's script or send something away."""
    there = visit()
    told = there.page.evaluate(
        """async () => {
          const refused = [];
          const script = document.createElement("script");
          const tries = {
            markup: () => { document.body.innerHTML = "<b>x</b>"; },
            script: () => { script.text = "window.attacked = 1"; document.body.append(script); },
            fetch: () => fetch("http://127.0.0.1:9/"),
          };
          for (const [name, attempt] of Object.entries(tries)) {
            try { await attempt(); } catch (error) { refused.push(`${name}: ${error.name}`); }
          }
          return [refused, window.attacked ?? null];
        }"""
    )
    assert told == [["markup: TypeError", "script: TypeError", "fetch: TypeError"], None]


def test_every_answer_forbids_keeping_and_guessing(double: Double) -> None:
    for path in ("/", "/page/js/main.js", "/page/strings/zh.json", "/v1/status", "/page/../server.py", "/page/"):
        link = http.client.HTTPConnection("127.0.0.1", double.server.port, timeout=10)
        link.request("GET", path)
        answer = link.getresponse()
        answer.read()
        link.close()
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        if path in {"/", "/page/js/main.js", "/page/strings/zh.json"}:
            assert answer.status == 200
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
        else:
            assert answer.status in {401, 404}
