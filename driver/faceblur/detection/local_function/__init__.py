"""A stand-in for Nuclio on one machine: function.yaml's function in worker processes, also behind its HTTP trigger."""
