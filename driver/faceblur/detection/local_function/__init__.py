"""function.yaml's function on this machine: its HTTP trigger and its worker processes."""
