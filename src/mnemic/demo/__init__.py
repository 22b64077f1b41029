"""The main job on real pictures, measured as it runs, with a page to look at."""

from mnemic.demo.run import Step, run_demo

__all__ = ["Step", "run_demo"]
