"""``mtl train -m``: many jobs under one folder.

``plan`` looks at every job before the first one starts, an engine runs them, each leaves word in
the sweep's folder, and ``rounds`` sees that all have ended.
"""
