"""`python -m documentation`: write the generated reference pages, then stage the sources of the site."""

from pathlib import Path

from documentation import reference, site

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Write docs/reference/ and build/docs-source; Zensical builds the site from the latter."""
    for name in reference.write(ROOT / "docs" / "reference"):
        print(f"docs/reference/{name} written")
    pages = site.stage(ROOT, ROOT / "build" / "docs-source")
    print(f"{pages} pages staged in build/docs-source")


if __name__ == "__main__":
    main()
