"""bundler: a design becomes files: an image, its infrastructure, and how to use both."""
