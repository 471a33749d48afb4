"""The HTML report at full size: its writing, its size, and how it behaves in headless Chromium.

python -m benchmarks.html [FINDINGS]
"""

import gc
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selenium import webdriver

from auditor.compare import compared
from auditor.plugins import load_reports
from auditor.report import Past

ROOT = Path(__file__).parent.parent
FINDINGS = 100_000
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --force-prefers-reduced-motion --window-size=1360,900"
)
# What a reader does, as the page answers it: from the change to the first frame that shows its result.
ACTIONS = {
    "one severity": "box('severity', 'High')",
    "one service": "box('service', 's3')",
    "everything": "document.getElementById('clear').click()",
    "by resource": "document.querySelector('input[name=by][value=resource]').click()",
    "by service": "document.querySelector('input[name=by][value=service]').click()",
    "a word": "type('payments')",
}
MEASURE = """
const [expression, done] = arguments;
const box = (facet, value) => {
  const panels = [...document.querySelectorAll('.facet')];
  const panel = panels.find((each) => each.querySelector('summary').textContent.toLowerCase() === facet);
  [...panel.querySelectorAll('label')].find((label) => label.children[1].textContent === value).click();
};
let late = 0; // what the search box waits for more letters is not the filter's
const type = (text) => {
  const search = document.getElementById('search');
  search.value = text;
  search.dispatchEvent(new Event('input'));
  late = 60;
};
const began = performance.now();
eval(expression);
setTimeout(() => requestAnimationFrame(() => setTimeout(() => done(performance.now() - began - late))), late);
"""


def main() -> None:
    """Write the page, open it, use it, and print what each took."""
    gc.set_threshold(50_000, 20, 100)  # as the command line has it
    count = int(sys.argv[1]) if len(sys.argv) > 1 else FINDINGS
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        write(count, page)
        browser = start(Path(folder))
        try:
            use(browser, page)
        finally:
            browser.quit()


def write(count: int, page: Path) -> None:
    """Write the report of this many findings over a fifth as many resources, with a baseline and a past."""
    sys.path.insert(0, str(ROOT))
    from tests.factory import make_audit

    old = make_audit(count, n_resources=count // 5, n_rules=600, seed=8)
    audit = compared(old, make_audit(count, n_resources=count // 5, n_rules=600))
    began, worked = time.perf_counter(), time.process_time()
    with page.open("w", encoding="utf-8", newline="") as file:
        file.writelines(load_reports()["html"].text(audit, history=[Past.of(old)]))
    took, worked = time.perf_counter() - began, time.process_time() - worked
    size = page.stat().st_size / 1e6
    print(f"{count:,} findings written in {took:.1f} s ({worked:.1f} s of CPU): {size:.1f} MB")


def start(folder: Path) -> webdriver.Chrome:
    """A browser of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    for flag in (*FLAGS.split(), f"--user-data-dir={folder / 'profile'}", "--enable-precise-memory-info"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))


def use(browser: webdriver.Chrome, page: Path) -> None:
    """Open the page and do what readers do."""
    browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})  # the measuring script is not the page's own
    browser.get(page.as_uri())
    while not (ready := ask(browser, "document.documentElement.dataset.ready")):
        time.sleep(0.01)
    print(f"interactive after {int(ready):,} ms")
    time.sleep(1)  # the search's index is made when the page has been idle for a moment
    for name, action in ACTIONS.items():
        took = browser.execute_async_script(MEASURE, action)
        counted = ask(browser, "document.getElementById('counted').textContent")
        print(f"{name:14} {took:6.0f} ms  {counted}")
    browser.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    heap = browser.execute_cdp_cmd("Runtime.getHeapUsage", {})
    print(f"JavaScript heap {heap['usedSize'] / 1e6:.0f} MB, {ask(browser, 'document.all.length'):,} elements")
    if resident := memory(browser):
        print(f"the page's process {resident:.0f} MB")


def ask(browser: webdriver.Chrome, expression: str) -> Any:
    """The value of an expression in the page."""
    return browser.execute_script(f"return {expression}")


def memory(browser: webdriver.Chrome) -> float | None:
    """Private megabytes of the process that draws the page; None where the system does not tell (Linux does)."""
    sizes = []
    for process in descendants(browser.service.process.pid):
        rollup = Path(f"/proc/{process}/smaps_rollup")
        if b"--type=renderer" in Path(f"/proc/{process}/cmdline").read_bytes():
            lines = dict(line.split(":", 1) for line in rollup.read_text().splitlines()[1:])
            sizes.append(sum(int(lines[name].split()[0]) for name in ("Private_Clean", "Private_Dirty")) / 1024)
    return max(sizes, default=None)


def descendants(process: int) -> Iterator[int]:
    """The processes that a process has started, and theirs."""
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in children.read_text().split():
            yield int(child)
            yield from descendants(int(child))


if __name__ == "__main__":
    main()
