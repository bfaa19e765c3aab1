"""`faceblur evaluate`: labelled datasets, what the function finds in them, and what a run would leave exposed."""
