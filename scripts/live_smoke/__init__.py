"""The live smoke test: the same requests to SignalWire and to the simulator, and what differs."""
