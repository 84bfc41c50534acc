"""`python -m modadd`: where the cache is and how large; `--clear-cache` empties it."""

import argparse

from modadd.cache import cache_folder, cache_size, clear_cache


def main(arguments: list[str] | None = None) -> None:
    """Report on the cache, or empty it."""
    parser = argparse.ArgumentParser(prog="python -m modadd", description=__doc__)
    parser.add_argument("--clear-cache", action="store_true", help="delete all cached runs")
    if parser.parse_args(arguments).clear_cache:
        print(f"freed {clear_cache() / 1e6:.1f} MB in {cache_folder()}")
    else:
        print(f"{cache_size() / 1e6:.1f} MB in {cache_folder()}")


if __name__ == "__main__":
    main()
