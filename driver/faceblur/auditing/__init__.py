"""`faceblur audit`: what a careful person checks of an output before publishing it."""
