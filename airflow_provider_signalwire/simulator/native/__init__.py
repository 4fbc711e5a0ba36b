"""The native engine: calls that SWML, a Call Flow or RELAY made, and the commands of the Calling API."""
