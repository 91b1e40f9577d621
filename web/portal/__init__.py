"""The portal: a website on which people have accounts, and later their cameras. It never carries media.

Knows nothing of `pi_cam`, which runs on the cameras; what the pages of both look like stands in `web.ui`.
"""
