"""Planning: measured costs, forecasts and advice."""
