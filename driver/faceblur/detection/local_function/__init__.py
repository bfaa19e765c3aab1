"""A stand-in for Nuclio on one machine: function.yaml's function behind its HTTP trigger, in worker processes."""
