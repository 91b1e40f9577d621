"""Where pictures come from: one file per kind of camera, one row each in `source.SOURCES`."""
