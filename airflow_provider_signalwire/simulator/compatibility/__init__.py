"""The engine of the Compatibility API: its calls, and what requests can do to them."""
