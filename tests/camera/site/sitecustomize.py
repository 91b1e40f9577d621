"""Every Python that has this folder on its path gets the virtual camera; so the product runs by its own command:

tests/camera/trixie_root.py run -- env PYTHONPATH=tests/camera/site:. python -m pi_cam.cli serve --source camera:
"""

from tests.camera import pictures, virtual_camera

pictures.write_pictures()
virtual_camera.install()
