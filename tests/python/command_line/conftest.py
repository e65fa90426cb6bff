from undrawn_plots import plots

__all__ = ["plots"]
