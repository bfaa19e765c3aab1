"""The review page: HTTP in, JSON, stills and a page out. Nothing of it runs but by `faceblur review`."""
