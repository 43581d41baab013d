"""The page on paper: what is folded on a screen is printed, and nothing leaves the paper."""

import re
import shutil
import subprocess

import pytest

from reports.benchmark import report as render

# Its report is made once, not once for each process of the tests.
pytestmark = pytest.mark.xdist_group("print")

CHROMIUM = next(filter(shutil.which, ("chromium", "chromium-browser", "google-chrome")), None)
FLAGS = "--headless --no-sandbox --disable-gpu --disable-background-networking --no-first-run"
OPENED_BY_STYLE = "details::details-content { content-visibility: visible; }"
OPENED_BY_SCRIPT = 'addEventListener("beforeprint"'


@pytest.fixture(scope="module")
def page(small, tmp_path_factory):
    return render.render(small, tmp_path_factory.mktemp("print"), ["mln-bench run x"]).paths.html


def test_what_is_folded_opens_for_paper_by_style_and_by_script(page):
    text = page.read_text()
    printed = text[text.index("@media print") : text.index("</style>")]
    assert OPENED_BY_STYLE in printed
    assert OPENED_BY_SCRIPT in text[text.rindex("<script>") :]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext: poppler-utils")
@pytest.mark.parametrize("without", ["", OPENED_BY_STYLE, OPENED_BY_SCRIPT])
def test_a_browser_prints_folded_tables_whole(page, tmp_path, without):
    text = page.read_text()
    other = without.replace("details::", "nothing ").replace("beforeprint", "never")
    (tmp_path / "page.html").write_text(text.replace(without, other) if without else text)
    pdf = tmp_path / "page.pdf"
    command = [CHROMIUM, *FLAGS.split(), f"--user-data-dir={tmp_path / 'profile'}",
               f"--print-to-pdf={pdf}", (tmp_path / "page.html").as_uri()]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    boxes = subprocess.run(
        ["pdftotext", "-bbox", pdf, "-"], check=True, capture_output=True, text=True
    ).stdout
    words = re.findall(r'xMax="([\d.]+)" yMax="[\d.]+">([^<]*)<', boxes)
    width = float(re.search(r'<page width="([\d.]+)"', boxes)[1])
    assert max(float(right) for right, _ in words) <= width
    # In folded tables alone: the commands behind the rows, the names of tuning's columns.
    assert sum(word == "rows.csv" for _, word in words) >= 20
    assert {"parameter", "References"} <= {word for _, word in words}
