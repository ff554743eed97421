#!/usr/bin/env python3
"""Draws docs/demo.svg: has two people chat in two tmux panes, and keeps what the terminals show.

    cargo build && docs/demo-svg.py >docs/demo.svg

Needs tmux.
"""

import html
import os
import re
import subprocess
import sys
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
COLUMNS, ROWS = 84, 19
CELL, LINE, MARGIN = 8.4, 18, 12
TEXT, DIM, GREEN = "#f0f6fc", "#8b949e", "#7ee787"
SHELL = f"env PATH={ROOT}/target/debug:$PATH PS1='$ ' TZ=UTC bash --noprofile --norc"
A, B = "chat.0", "chat.1"
# For each frame: who types what, and for how long the frame is shown, in seconds.
STORY = [
    (A, "threadchat serve\n", 1.5),
    (B, "threadchat connect\n", 1.5),
    (A, "Hello! Can you type ", 0.5),
    (A, "and read at the same time?\n", 1.5),
    (B, "Yes. I am still ", 0.7),
    (B, "typing this line", 0.7),
    (A, "Does this disturb you?\n", 1.5),
    (B, " while yours ", 0.5),
    (A, "And this?\n", 1.5),
    (B, "appear above it.\n", 2),
    (B, "88", 0.7),
    (B, "\n", 3),
]
# The one to show where nothing is animated.
STILL = 8


def tmux(*args):
    command = ["tmux", "-L", "threadchat-demo", "-f", "/dev/null", *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def style_of(codes, color, is_dim):
    """The colour and the brightness of what follows these codes."""
    numbers = [int(code or 0) for code in codes.split(";")]
    if 38 in numbers:
        step = lambda n: n and 55 + 40 * n
        cube = numbers[numbers.index(38) + 2] - 16
        return "#%02x%02x%02x" % (step(cube // 36), step(cube // 6 % 6), step(cube % 6)), 2 in numbers
    is_dim = 2 in numbers or (is_dim and 0 not in numbers)
    return {0: TEXT, 32: GREEN, 39: TEXT}.get(numbers[-1], color), is_dim


def rows(screen, top):
    """The rows of a screen, with a span for each colour. A colour lasts until the next one, also over rows."""
    color, is_dim, drawn = TEXT, False, ""
    for number, line in enumerate(screen.splitlines()):
        spans, length = "", 0
        for found in re.finditer(r"(?:\x1b\[([\d;]*)m)?([^\x1b]*)", line):
            codes, run = found.groups()
            if codes is not None:
                color, is_dim = style_of(codes, color, is_dim)
            if run:
                spans += f'<tspan fill="{DIM if is_dim else color}">{html.escape(run)}</tspan>'
                length += len(run)
        if spans:
            y = (top + number) * LINE + MARGIN + 14
            drawn += f'<text x="{MARGIN}" y="{y:g}" textLength="{length * CELL:g}">{spans}</text>'
    return drawn


def frame():
    """What both panes show now."""
    drawn = ""
    for pane, top in ((A, 0), (B, ROWS // 2 + 1)):
        x, y = map(int, tmux("display", "-p", "-t", pane, "#{cursor_x} #{cursor_y}").split())
        drawn += f'<rect class="cursor" x="{MARGIN + x * CELL:g}" y="{(top + y) * LINE + MARGIN:g}" />'
        drawn += rows(tmux("capture-pane", "-p", "-e", "-t", pane), top)
    return drawn


def main():
    tmux("new-session", "-d", "-s", "chat", "-x", str(COLUMNS), "-y", str(ROWS), SHELL)
    try:
        tmux("set", "status", "off")
        tmux("split-window", "-v", "-t", "chat", SHELL)
        time.sleep(1)
        frames = []
        for who, text, seconds in STORY:
            tmux("send-keys", "-t", who, "-l", text.rstrip("\n"))
            if text.endswith("\n"):
                tmux("send-keys", "-t", who, "Enter")
            time.sleep(0.8)
            frames.append((frame(), seconds))
    finally:
        tmux("kill-server")

    total = sum(seconds for _, seconds in frames)
    width, height = COLUMNS * CELL + 2 * MARGIN, ROWS * LINE + 2 * MARGIN
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}">')
    print("<title>Two terminals: messages appear above the line that is being typed</title>")
    print("<style>text { font: 14px 'DejaVu Sans Mono', Consolas, Menlo, monospace; white-space: pre; }")
    print(f".cursor {{ fill: #8b949e; width: {CELL}px; height: {LINE}px; }} .frame {{ visibility: hidden; }}")
    print(f"#frame{STILL} {{ visibility: visible; }} @media (prefers-reduced-motion: no-preference) {{")
    start = 0
    for number, (_, seconds) in enumerate(frames):
        begin, end = 100 * start / total, 100 * (start + seconds) / total
        before = "" if number == 0 else "0% { visibility: hidden; } "
        print(f"@keyframes show{number} {{ {before}{begin:.2f}% {{ visibility: visible; }} ", end="")
        print(f"{end:.2f}% {{ visibility: {'visible' if end > 99.9 else 'hidden'}; }} }}")
        print(f"#frame{number} {{ animation: show{number} {total:g}s step-end infinite; }}")
        start += seconds
    print("}</style>")
    print(f'<rect width="{width:g}" height="{height:g}" rx="6" fill="#0d1117" />')
    middle = (ROWS // 2 + 0.5) * LINE + MARGIN
    print(f'<path d="M0 {middle:g}H{width:g}" stroke="#30363d" />')
    for number, (drawn, _) in enumerate(frames):
        print(f'<g class="frame" id="frame{number}">{drawn}</g>')
    print("</svg>")


if __name__ == "__main__":
    sys.exit(main())
