"""The measurements of `scripts/bench`: side by side in one run, judged by their ratios alone."""
