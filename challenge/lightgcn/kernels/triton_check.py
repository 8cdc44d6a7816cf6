"""Whether the Triton kernel, compiled here, sums what it should; import it where triton is installed only."""

from __future__ import annotations

from functools import cache

import torch

from challenge.lightgcn.kernels.triton import TritonKernel, Tuning


@cache
def self_check(embedding_size: int, storage: torch.dtype, device: torch.device) -> str | None:
    """Compare the kernel with a plain sum in float64 on a small graph; what is wrong, or None.

    The graph has nodes without edges, with few, with just as many as a piece and with many pieces, and masked
    edges. Compilers and drivers differ, and a wrong sum would only show as a worse ranking.
    """
    try:
        # The start of training propagates some vectors more, seldom a power of 2.
        sizes = (embedding_size, embedding_size + 16)
        return next(filter(None, (_disagreement(size, storage, device) for size in sizes)), None)
    except Exception as error:  # whatever a compiler may raise: the caller has another kernel
        return f"{type(error).__name__}: {error}"


def _disagreement(size: int, storage: torch.dtype, device: torch.device) -> str | None:
    generator = torch.Generator().manual_seed(0)
    piece = Tuning().piece
    degree = torch.tensor([0, 1, 3 * piece + 7, 2, piece, 5, 0, piece + 1, *range(30)])
    indptr = torch.cat([torch.zeros(1, dtype=torch.int64), degree.cumsum(0)])
    indices = torch.randint(0, 100, (int(indptr[-1]),), generator=generator)
    masked = torch.rand(len(indices), generator=generator) < 0.3
    source = torch.randn(100, size, generator=generator).to(storage)
    scale = torch.rand(len(degree), generator=generator)
    kernel = TritonKernel(indptr.numpy(), indices.int().numpy(), scale.numpy(), device=device)
    total = torch.ones(len(degree), size, device=device)
    following = torch.full((len(degree), size), torch.nan, dtype=storage, device=device)
    kernel.mask(masked.nonzero()[:, 0].to(device))
    kernel.apply(source.to(device), total, following, 0.5)

    owner = torch.repeat_interleave(torch.arange(len(degree)), degree)[~masked]
    sums = torch.zeros(len(degree), size, dtype=torch.float64)
    sums.index_add_(0, owner, source.double()[indices[~masked]])
    scaled = sums * scale[:, None].double()
    exact = {
        "total": (total, 1 + 0.5 * scaled, 1e-5),
        "following": (following, scaled * scale[:, None], 1e-5),
    }
    if storage == torch.bfloat16:
        exact["following"] = (*exact["following"][:2], 2.0**-7)
    for name, (found, wanted, tolerance) in exact.items():
        error = ((found.cpu().double() - wanted).abs() / wanted.abs().clamp_min(1.0)).max().item()
        if not error <= tolerance:
            return f"{name} is off by {error:.2g} of its value"
    return None
