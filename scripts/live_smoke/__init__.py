"""The smoke test: send the same requests to SignalWire and to the simulator, and compare the responses."""
