"""Figures of quality: how alike pictures are, how far landmarks lie apart, whether a person stays the same.

Defined as in Siarohin et al., First Order Motion Model for Image Animation, NeurIPS 2019, section 4 (L1, AKD, MKR, AED;
MKR there is "missing keypoint rate"), with MediaPipe's 478 landmarks as the keypoints.
"""

from __future__ import annotations

from obs_portrait.face.metrics.keypoints import AKD_SIDE, IRIS, LIPS, akd, akd_l1, face_box, mkr
from obs_portrait.face.metrics.pictures import PSNR_LIMIT, l1, psnr, ssim

__all__ = ["AKD_SIDE", "IRIS", "LIPS", "PSNR_LIMIT", "akd", "akd_l1", "face_box", "l1", "mkr", "psnr", "ssim"]
