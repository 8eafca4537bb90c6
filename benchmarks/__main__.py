"""`python -m benchmarks`: write RESULTS.md from results/*.json."""

from benchmarks import recording

if __name__ == "__main__":
    recording.write_page()
    print(recording.PAGE.relative_to(recording.FOLDER.parent))
