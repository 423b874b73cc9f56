"""A zoo of tiny models of other people's kinds, each with data, a loss, and what is expected of it.

A specimen either agrees with a plain float64 loop over its instances in every probe, or is refused
by a probe with one clear message.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize, prune
from torch.utils.checkpoint import checkpoint

N = 6  # instances
CLASSES = 3


@dataclasses.dataclass(frozen=True)
class Specimen:
    """A model and its data.

    Attributes:
        make: Returns the model; called after the random generator is seeded.
        inputs: All instances.
        targets: Their targets; None if the loss needs none.
        loss: The loss of outputs and targets; the cross-entropy by default.
        batch_loss: A loss of the model and its inputs instead.
        method: The expected way to per-instance gradients, if it is not "vmap" or "loop".
        refused: For "risk", "landscape", "variance" or "curvature", a pattern of the refusal.
        warned: A pattern of a warning other than that on the method.
        tolerance: Largest relative error.
        differences: Take the reference Hessian from differences of gradients, since torch's own
            second derivative is wrong.
    """

    make: Callable[[], nn.Module]
    inputs: Any
    targets: Any = None
    loss: Callable[..., Tensor] | None = None
    batch_loss: Callable[..., Tensor] | None = None
    method: str | None = None
    refused: dict[str, str] = dataclasses.field(default_factory=dict)
    warned: str | None = None
    tolerance: float = 1e-7
    differences: bool = False

    def options(self) -> dict[str, Any]:
        """Return the keyword arguments of a `Risk` that differ from the defaults."""
        given = {"loss": self.loss, "batch_loss": self.batch_loss}
        return {name: value for name, value in given.items() if value is not None}


ZOO: dict[str, Specimen] = {}

_GENERATOR = torch.Generator().manual_seed(7)


def drawn(*shape: int) -> Tensor:
    return torch.randn(N, *shape, generator=_GENERATOR, dtype=torch.float64)


LABELS = torch.arange(N) % CLASSES
VECTORS = drawn(4)
IMAGES = drawn(2, 4, 4)
SERIES = drawn(5, 3)  # (instance, time, feature)
TOKENS = torch.randint(1, 5, (N, 4), generator=_GENERATOR)
TOKENS[1, 3] = TOKENS[4, 2:] = TOKENS[5, 1:] = 0  # padding
EVENTS = drawn(2)


def specimen(
    name: str, make: Callable[[], nn.Module], inputs: Any, *args: Any, **more: Any
) -> None:
    assert name not in ZOO, name
    ZOO[name] = Specimen(make, inputs, *args, **more)


def squared(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).square().flatten(1).sum(dim=1)


class Apply(nn.Module):
    """Modules by name, and a function of them and the inputs as the forward pass."""

    def __init__(self, function: Callable[..., Any], **modules: Any) -> None:
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(self, *args, **kwargs)


def parameter(*shape: int) -> nn.Parameter:
    return nn.Parameter(0.5 * torch.randn(*shape))


def tail(channels: int) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES))


def shaken(module: nn.Module) -> nn.Module:
    """A norm with weights and statistics as after some training."""
    for name, value in [*module.named_parameters(), *module.named_buffers()]:
        if value.is_floating_point():
            low, high = (0.5, 1.5) if name.endswith(("weight", "var")) else (-0.3, 0.3)
            nn.init.uniform_(value.detach(), low, high)
    return module


# ------------------------------------------------------------ plain stacks

specimen(
    "mlp",
    lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, CLASSES)),
    VECTORS, LABELS, method="layerwise",
)  # fmt: skip
specimen(
    "mlp with dropout",
    lambda: nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.Dropout(0.5), nn.Linear(5, CLASSES)),
    VECTORS, LABELS, method="layerwise",
)  # fmt: skip
specimen(
    "regression",
    lambda: nn.Sequential(nn.Linear(4, 5), nn.Softplus(), nn.Linear(5, 2)),
    VECTORS, drawn(2), squared, method="layerwise",
)  # fmt: skip
specimen(
    "relu in place on the inputs",
    lambda: nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, CLASSES)),
    drawn(4), LABELS, method="layerwise",
)  # fmt: skip
specimen(
    "frozen backbone",
    lambda: nn.Sequential(nn.Linear(4, 4).requires_grad_(False), nn.Tanh(), nn.Linear(4, CLASSES)),
    VECTORS, LABELS, method="layerwise",
)  # fmt: skip
specimen(
    "prelu and a temperature",
    lambda: Apply(
        lambda m, x: m.last(m.prelu(m.first(x))) / m.temperature,
        first=nn.Linear(4, 4), prelu=nn.PReLU(4), last=nn.Linear(4, CLASSES),
        temperature=nn.Parameter(torch.tensor(0.7)),
    ),
    VECTORS, LABELS,
)  # fmt: skip
specimen(
    "bilinear", lambda: Apply(lambda m, x: m.b(x, x), b=nn.Bilinear(4, 4, CLASSES)), VECTORS, LABELS
)
specimen(
    "highway",
    lambda: Apply(
        lambda m, x: m.out(torch.sigmoid(m.gate(x)) * torch.tanh(m.body(x)) + x),
        gate=nn.Linear(4, 4), body=nn.Linear(4, 4), out=nn.Linear(4, CLASSES),
    ),
    VECTORS, LABELS, method="layerwise",
)  # fmt: skip
specimen(
    "siren",
    lambda: Apply(
        lambda m, x: m.b(torch.sin(3 * m.a(x))), a=nn.Linear(4, 5), b=nn.Linear(5, CLASSES)
    ),
    VECTORS, LABELS, method="layerwise",
)  # fmt: skip
specimen(
    "radial basis functions",
    lambda: Apply(
        lambda m, x: m.out(
            torch.exp(-(x[:, None] - m.centres).square().sum(2) * m.width.exp())
        ),
        centres=parameter(4, 4), width=parameter(4), out=nn.Linear(4, CLASSES),
    ),
    VECTORS, LABELS,
)  # fmt: skip
specimen(
    "list and dictionary of parameters",
    lambda: Apply(
        lambda m, x: x @ m.list[0] @ m.dict["w"],
        list=nn.ParameterList([parameter(4, 4)]), dict=nn.ParameterDict({"w": parameter(4, 3)}),
    ),
    VECTORS, LABELS,
)  # fmt: skip
specimen(
    "mixture of experts",
    lambda: Apply(
        lambda m, x: (
            torch.stack([e(x) for e in m.experts], dim=1)
            * _top(m.gate(x), 2)[:, :, None]
        ).sum(dim=1),
        gate=nn.Linear(4, 3), experts=nn.ModuleList(nn.Linear(4, CLASSES) for _ in range(3)),
    ),
    VECTORS, LABELS, method="layerwise",
)  # fmt: skip
specimen(
    "deep equilibrium",
    lambda: Apply(lambda m, x: m.out(_fixed_point(m, x)), a=nn.Linear(4, 4), w=nn.Linear(4, 4),
                  out=nn.Linear(4, CLASSES)),
    VECTORS, LABELS, method="layerwise",
)  # fmt: skip
specimen(
    "neural ODE",
    lambda: Apply(lambda m, x: m.out(_euler(m.field, x)), field=nn.Sequential(
        nn.Linear(4, 4), nn.Tanh()), out=nn.Linear(4, CLASSES)),
    VECTORS, LABELS, method="layerwise",
)  # fmt: skip
specimen(
    "hypernetwork",
    lambda: Apply(
        lambda m, x: torch.einsum("bi,bij->bj", x, m.hyper(x).unflatten(1, (4, CLASSES))),
        hyper=nn.Linear(4, 4 * CLASSES),
    ),
    VECTORS, LABELS, method="layerwise",
)  # fmt: skip


def _top(scores: Tensor, count: int) -> Tensor:
    others = scores < scores.topk(count, dim=1).values[:, -1:]
    return functional.softmax(scores.masked_fill(others, -torch.inf), dim=1)


def _fixed_point(m: Any, x: Tensor) -> Tensor:
    z = torch.zeros_like(x)
    for _ in range(5):
        z = torch.tanh(0.3 * m.w(z) + m.a(x))
    return z


def _euler(field: nn.Module, x: Tensor) -> Tensor:
    for _ in range(4):
        x = x + 0.25 * field(x)
    return x


# ------------------------------------------------------------ convolutions, norms, parametrisations

NORMS: dict[str, Callable[[], nn.Module]] = {
    "batch norm": lambda: nn.BatchNorm2d(3),
    "batch norm without scale": lambda: nn.BatchNorm2d(3, affine=False),
    "group norm": lambda: nn.GroupNorm(3, 3),
    "layer norm": lambda: nn.LayerNorm([3, 4, 4]),
    "instance norm": lambda: nn.InstanceNorm2d(3, affine=True),
    "instance norm with statistics": lambda: nn.InstanceNorm2d(3, True, track_running_stats=True),
    "rms norm": lambda: nn.RMSNorm([4]),
    "local response norm": lambda: nn.LocalResponseNorm(2),
}
for _name, _norm in NORMS.items():
    specimen(
        _name,
        lambda norm=_norm: nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1), shaken(norm()), nn.SiLU(), tail(3)
        ),
        IMAGES, LABELS,
    )  # fmt: skip


def _old(function: Callable[..., nn.Module], module: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, and still in many models
        return function(module)


class Symmetric(nn.Module):
    def forward(self, w: Tensor) -> Tensor:
        return (w + w.flip(-1)) / 2


def _parametrized(module: nn.Module) -> nn.Module:
    parametrize.register_parametrization(module, "weight", Symmetric())
    return module


def _used(module: nn.Module) -> nn.Module:
    """A convolution after a forward pass, which leaves the weight in the older hooks."""
    module(torch.zeros(1, 2, 4, 4))
    return module


PARAMETRISATIONS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "weight norm": parametrizations.weight_norm,
    "older weight norm": lambda c: _used(_old(nn.utils.weight_norm, c)),
    "spectral norm": parametrizations.spectral_norm,
    "older spectral norm": lambda c: _used(_old(nn.utils.spectral_norm, c)),
    "orthogonal": parametrizations.orthogonal,
    "parametrised": _parametrized,
    "pruned": lambda c: _used(prune.random_unstructured(c, "weight", 0.4)),
}
for _name, _function in PARAMETRISATIONS.items():
    specimen(
        f"{_name} before batch norm",
        lambda function=_function: nn.Sequential(
            function(nn.Conv2d(2, 3, 2)), shaken(nn.BatchNorm2d(3)), nn.Tanh(), tail(3)
        ),
        IMAGES, LABELS, differences="weight norm" in _name,
    )  # fmt: skip

specimen(
    "weight standardisation",
    lambda: Apply(
        lambda m, x: m.tail(functional.conv2d(x, _standardised(m.w), padding=1).tanh()),
        w=parameter(3, 2, 3, 3), tail=tail(3),
    ),
    IMAGES, LABELS,
)  # fmt: skip
specimen(
    "depthwise with squeeze and excitation",
    lambda: Apply(
        lambda m, x: m.tail(m.point(x * torch.sigmoid(m.squeeze(x.mean((2, 3))))[:, :, None, None])),
        squeeze=nn.Linear(2, 2),
        point=nn.Sequential(nn.Conv2d(2, 2, 3, padding=1, groups=2), nn.SiLU(), nn.Conv2d(2, 3, 1)),
        tail=tail(3),
    ),
    IMAGES, LABELS, method="layerwise",
)  # fmt: skip
specimen(
    "temporal convolutions",
    lambda: nn.Sequential(
        nn.Conv1d(3, 3, 2, dilation=2), nn.Tanh(), nn.ConvTranspose1d(3, 2, 2), nn.Flatten(),
        nn.Linear(8, CLASSES),
    ),
    SERIES.transpose(1, 2).contiguous(), LABELS,
)  # fmt: skip
specimen(
    "convolution in 3d",
    lambda: nn.Sequential(nn.Conv3d(1, 2, 2), nn.Tanh(), nn.Flatten(), nn.Linear(18, CLASSES)),
    drawn(1, 2, 4, 4), LABELS,
)  # fmt: skip
specimen(
    "mixer",
    lambda: Apply(
        lambda m, x: m.out((x + m.over_time(x.transpose(1, 2)).transpose(1, 2)).mean(1)),
        over_time=nn.Sequential(nn.Linear(5, 5), nn.GELU()), out=nn.Linear(3, CLASSES),
    ),
    SERIES, LABELS, method="layerwise",
)  # fmt: skip


def _standardised(w: Tensor) -> Tensor:
    centred = w - w.mean(dim=(1, 2, 3), keepdim=True)
    return centred / centred.flatten(1).norm(dim=1)[:, None, None, None]


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(2, 2, 3, padding=1)
        self.inner = nn.Conv2d(2, 2, 3, padding=1)
        self.up = nn.ConvTranspose2d(2, 2, 2, stride=2)
        self.last = nn.Conv2d(4, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        top = torch.tanh(self.down(x))
        below = torch.tanh(self.inner(functional.avg_pool2d(top, 2)))
        return self.last(torch.cat([top, self.up(below)], dim=1))


specimen("u-net", UNet, IMAGES, drawn(1, 4, 4), squared)


# ------------------------------------------------------------ attention and language


class Padded(nn.Module):
    """A TransformerEncoder with a padding mask."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 4, padding_idx=0)
        layer = nn.TransformerEncoderLayer(4, 2, 4, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1)
        self.last = nn.Linear(4, CLASSES)

    def forward(self, tokens: Tensor, padding: Tensor) -> Tensor:
        hidden = self.encoder(self.embedding(tokens), src_key_padding_mask=padding)
        return self.last(hidden.mean(dim=1))  # also over padded positions


specimen("transformer with padding", Padded, {"tokens": TOKENS, "padding": TOKENS == 0}, LABELS)


class Attention(nn.Module):
    """Causal self-attention, with rotary positions from a table built in the first pass."""

    def __init__(self, rotary: bool = False) -> None:
        super().__init__()
        self.qkv, self.out, self.rotary = nn.Linear(4, 12), nn.Linear(4, 4), rotary
        self.table: Tensor | None = None

    def turned(self, x: Tensor) -> Tensor:
        if not self.rotary:
            return x
        if self.table is None:
            angles = torch.arange(x.shape[-2], dtype=x.dtype)[:, None] * torch.tensor([1.0, 0.1])
            self.table = torch.stack([angles.cos(), angles.sin()])
        cos, sin = self.table
        a, b = x.chunk(2, dim=-1)
        return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        q, k = self.turned(q), self.turned(k)
        return self.out(functional.scaled_dot_product_attention(q, k, v, is_causal=True))


class GPT(nn.Module):
    def __init__(self, rotary: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.norm, self.attention = nn.LayerNorm(4), Attention(rotary)
        self.head = nn.Linear(4, 5, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        return self.head(x + self.attention(self.norm(x)))


def next_token(logits: Tensor, tokens: Tensor) -> Tensor:
    losses = functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=0, reduction="none"
    )
    return losses.unflatten(0, (len(tokens), -1)).sum(dim=1)


specimen("gpt with tied weights", lambda: GPT(rotary=False), TOKENS, TOKENS, next_token)
specimen("gpt with rotary positions", lambda: GPT(rotary=True), TOKENS, TOKENS, next_token)
specimen(
    "vision transformer",
    lambda: Apply(
        lambda m, x: m.last(
            m.attention(
                torch.cat(
                    [m.token.expand(len(x), 1, 4), m.patch(x).flatten(2).transpose(1, 2)], dim=1
                )
                + m.position
            )[:, 0]
        ),
        patch=nn.Conv2d(2, 4, 2, stride=2), token=parameter(1, 1, 4), position=parameter(5, 4),
        attention=Attention(), last=nn.Linear(4, CLASSES),
    ),
    IMAGES, LABELS,
)  # fmt: skip
specimen(
    "multi-head attention pooling",
    lambda: Apply(
        lambda m, x: m.last(m.pool(m.query.expand(len(x), 1, 4), m.first(x), m.first(x))[0][:, 0]),
        query=parameter(1, 1, 4), pool=nn.MultiheadAttention(4, 2, batch_first=True),
        first=nn.Linear(3, 4), last=nn.Linear(4, CLASSES),
    ),
    SERIES, LABELS,
)  # fmt: skip
specimen(
    "sparse embedding",
    lambda: Apply(
        lambda m, t: m.last(m.e(t).mean(1)), e=nn.Embedding(5, 3, sparse=True),
        last=nn.Linear(3, CLASSES),
    ),
    TOKENS, LABELS,
)  # fmt: skip
specimen(
    "sparse embedding as a function",
    lambda: Apply(
        lambda m, t: m.last(functional.embedding(t, m.w, sparse=True).mean(1)), w=parameter(5, 3),
        last=nn.Linear(3, CLASSES),
    ),
    TOKENS, LABELS,
)  # fmt: skip
specimen(
    "bag of embeddings",
    lambda: Apply(lambda m, t: m.e(t), e=nn.EmbeddingBag(5, CLASSES, sparse=True)),
    TOKENS, LABELS, refused={"curvature": "no such derivative"},
)  # fmt: skip


class Recurrent(nn.Module):
    def __init__(self, kind: Callable[..., nn.Module], **options: Any) -> None:
        super().__init__()
        self.inner = kind(3, 2, batch_first=True, **options)
        self.last = nn.Linear(4 if options.get("bidirectional") else 2, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.inner(x)[0][:, -1])


specimen("lstm", lambda: Recurrent(nn.LSTM), SERIES, LABELS, method="loop")
specimen("gru", lambda: Recurrent(nn.GRU), SERIES, LABELS, method="loop")
specimen(
    "deep recurrent network of both directions",
    lambda: Recurrent(nn.RNN, num_layers=2, bidirectional=True, dropout=0.5),
    SERIES, LABELS, method="loop",
)  # fmt: skip
specimen(
    "lstm cell in a loop",
    lambda: Apply(lambda m, x: m.last(_unrolled(m.cell, x)), cell=nn.LSTMCell(3, 2),
                  last=nn.Linear(2, CLASSES)),
    SERIES, LABELS,
)  # fmt: skip


def _unrolled(cell: nn.Module, x: Tensor) -> Tensor:
    state = None
    for time in range(x.shape[1]):
        state = cell(x[:, time], state)
    return state[0]


# ------------------------------------------------------------ several inputs, other losses

ADJACENCY = (torch.rand(N, 4, 4, generator=_GENERATOR) < 0.5).double()
NODES = drawn(4, 3)
specimen(
    "graph network on padded graphs",
    lambda: Apply(
        lambda m, x, a: m.last(torch.tanh(m.first(a @ x) + m.own(x)).sum(1)),
        first=nn.Linear(3, 3), own=nn.Linear(3, 3), last=nn.Linear(3, CLASSES),
    ),
    (NODES, ADJACENCY), LABELS, method="layerwise",
)  # fmt: skip

GRAPHS = [(drawn(3)[: 2 + k % 3], torch.tensor([[0, 1], [1, 0]])) for k in range(N)]


def graph_loss(model: nn.Module, numbers: Tensor) -> Tensor:
    """Graphs of different sizes, looked up by number."""
    losses = []
    for number in numbers.tolist():
        x, edges = GRAPHS[number]
        x = x.to(next(model.parameters()).dtype)
        gathered = torch.zeros_like(x).index_add(0, edges[1], x[edges[0]])
        logits = model(x + gathered).sum(dim=0)
        losses.append(functional.cross_entropy(logits, LABELS[number]))
    return torch.stack(losses)


specimen(
    "graph network on graphs of any size",
    lambda: nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, CLASSES)),
    torch.arange(N), batch_loss=graph_loss, method="loop",
)  # fmt: skip


def residual(model: nn.Module, x: Tensor) -> Tensor:
    """The squared residual of u'' + u = 0, and of u(0) = 1."""
    x = x.requires_grad_()
    u = model(x)
    (first,) = torch.autograd.grad(u.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
    boundary = (model(torch.zeros_like(x)) - 1).square()
    return ((second + u).square() + boundary)[:, 0]


specimen(
    "physics-informed network",
    lambda: nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1)),
    drawn(1), batch_loss=residual, method="loop",
)  # fmt: skip
specimen(
    "autoencoder",
    lambda: Apply(
        lambda m, x: (x, functional.linear(torch.tanh(m.code(x)), m.code.weight.t())),
        code=nn.Linear(4, 2),
    ),
    VECTORS, loss=lambda pair: squared(*pair),
)  # fmt: skip


def elbo(out: dict[str, Tensor]) -> Tensor:
    mean, log_variance = out["mean"], out["log_variance"]
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)
    return squared(out["again"], out["x"]) + divergence


class VAE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(4, 4), nn.Linear(2, 4)

    def forward(self, x: Tensor, noise: Tensor) -> dict[str, Tensor]:
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        again = self.decoder(mean + noise * (0.5 * log_variance).exp())
        return {"x": x, "again": again, "mean": mean, "log_variance": log_variance}


specimen("variational autoencoder", VAE, (VECTORS, drawn(2)), loss=elbo, method="layerwise")


class Flow(nn.Module):
    """Two affine couplings; returns the log-likelihood."""

    def __init__(self) -> None:
        super().__init__()
        self.nets = nn.ModuleList(
            nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 2)) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros_like(x[:, 0])
        a, b = x.chunk(2, dim=1)
        for net in self.nets:
            shift, scale = net(a).chunk(2, dim=1)
            a, b = b * torch.tanh(scale).exp() + shift, a
            total = total + torch.tanh(scale)[:, 0]
        return total - 0.5 * (a.square() + b.square())[:, 0]


specimen("normalising flow", Flow, EVENTS, loss=lambda out: -out, method="layerwise")
specimen(
    "siamese network",
    lambda: Apply(lambda m, a, b: (m.e(a) - m.e(b)).square().sum(1), e=nn.Linear(4, 3)),
    (VECTORS, drawn(4)), loss=lambda distance: functional.softplus(1 - distance),
    method="layerwise",
)  # fmt: skip
specimen(
    "several tasks",
    lambda: Apply(
        lambda m, batch: {"class": m.a(m.body(batch["x"])), "value": m.b(m.body(batch["x"]))},
        body=nn.Sequential(nn.Linear(4, 4), nn.Tanh()), a=nn.Linear(4, CLASSES), b=nn.Linear(4, 1),
    ),
    ({"x": VECTORS},), {"class": LABELS, "value": [drawn(1)]},
    lambda out, y: functional.cross_entropy(out["class"], y["class"], reduction="none")
    + squared(out["value"], y["value"][0]),
    method="layerwise",
)  # fmt: skip
specimen(
    "gaussian likelihood",
    lambda: Apply(lambda m, x: m.body(x).chunk(2, dim=1), body=nn.Linear(4, 2)),
    VECTORS, drawn(1),
    lambda out, y: functional.gaussian_nll_loss(
        out[0], y, functional.softplus(out[1]), reduction="none"
    )[:, 0],
    method="layerwise",
)  # fmt: skip

# ------------------------------------------------------------ numbers of other kinds


class ComplexLinear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(4, CLASSES, dtype=torch.complex64))
        self.b = nn.Parameter(torch.randn(CLASSES, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(self.w.dtype) @ self.w + self.b).abs()


class Fourier(nn.Module):
    """Complex weights for the lowest frequencies, as in Fourier neural operators."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(0.5 * torch.randn(3, 2, dtype=torch.complex64))
        self.last = nn.Linear(5 * 2, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(x, dim=1)[:, :2] @ self.w
        return self.last(torch.fft.irfft(spectrum, n=5, dim=1).tanh().flatten(1))


specimen("complex weights", ComplexLinear, VECTORS, LABELS)
specimen("complex layer", lambda: Apply(
    lambda m, x: m.first(x.to(m.first.weight.dtype)).abs(),
    first=nn.Linear(4, CLASSES, dtype=torch.complex64)), VECTORS, LABELS)  # fmt: skip
specimen("fourier operator", Fourier, SERIES, LABELS)
for _dtype in (torch.float16, torch.bfloat16):
    specimen(
        f"{_dtype} perceptron".removeprefix("torch."),
        lambda dtype=_dtype: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, CLASSES)).to(
            dtype
        ),
        VECTORS.to(_dtype), LABELS, method="layerwise", tolerance=1e-3,
    )  # fmt: skip
specimen(
    "bfloat16 convolution",
    lambda: nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1), shaken(nn.BatchNorm2d(3)), nn.SiLU(), tail(3)
    ).to(torch.bfloat16),
    IMAGES.bfloat16(), LABELS, method="layerwise", tolerance=1e-3,
)  # fmt: skip
specimen(
    "float32 perceptron",
    lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, CLASSES)).float(),
    VECTORS.float(), LABELS, method="layerwise", tolerance=1e-3,
)  # fmt: skip

# ------------------------------------------------------------ wrappers and tricks

specimen(
    "checkpointed",
    lambda: Apply(
        lambda m, x: m.last(checkpoint(m.first, x, use_reentrant=False)),
        first=nn.Sequential(nn.Linear(4, 4), nn.Tanh()), last=nn.Linear(4, CLASSES),
    ),
    VECTORS, LABELS,
)  # fmt: skip
specimen(
    "data parallel",
    lambda: nn.DataParallel(nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, CLASSES))),
    VECTORS, LABELS, method="layerwise",
)  # fmt: skip
specimen(
    "compiled",
    lambda: torch.compile(
        nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, CLASSES)), backend="eager"
    ),
    VECTORS, LABELS, method="layerwise",
)  # fmt: skip


def _functional_if_large(m: Any, x: Tensor) -> Tensor:
    """The weight is used a second time, by the fourth instance alone."""
    out = m.last(torch.tanh(m.first(x)))
    extra = functional.linear(x.square(), m.first.weight).sum(dim=1, keepdim=True)
    chosen = (x[:, :1] - VECTORS[3, 0]).abs() < 1e-5
    return out + torch.where(chosen, extra, torch.zeros_like(extra)) * torch.arange(CLASSES)


specimen(
    "weight used as a function, not by the first two instances",
    lambda: Apply(_functional_if_large, first=nn.Linear(4, 4), last=nn.Linear(4, CLASSES)),
    VECTORS, LABELS,
)  # fmt: skip
specimen(
    "graph kept from the last pass",
    lambda: _called(Apply(_keeping, first=nn.Linear(4, CLASSES), kept=None)),
    VECTORS, LABELS, method="layerwise",
)  # fmt: skip
specimen(
    "another function with gradients than without",
    lambda: Apply(
        lambda m, x: m.first(x) * (1.0 if torch.is_grad_enabled() else 1.1),
        first=nn.Linear(4, CLASSES),
    ),
    VECTORS, LABELS, method="layerwise", warned="without gradients the model has another loss",
)  # fmt: skip


def _keeping(m: Any, x: Tensor) -> Tensor:
    m.kept = [m.first(x)]
    return m.kept[0]


def _called(model: nn.Module) -> nn.Module:
    model(torch.zeros(1, 4))
    return model


# ------------------------------------------------------------ refused, in part or altogether

specimen(
    "batch norm without statistics",
    lambda: nn.Sequential(
        nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, CLASSES)
    ),
    VECTORS, LABELS, refused={"variance": "has no running statistics"},
)  # fmt: skip
specimen(
    "instances that interact late",
    lambda: Apply(
        lambda m, x: m.first(x - torch.where(x[:, :1] > 1, x.mean(dim=0), 0.0)),
        first=nn.Linear(4, CLASSES),
    ),
    torch.cat([VECTORS[:, :1].clamp(max=0.9).index_fill(0, torch.tensor([4, 5]), 1.5),
               VECTORS[:, 1:]], dim=1), LABELS,
    refused={"variance": "depends on the others in its batch"},
)  # fmt: skip
specimen(
    "reentrant checkpoint",
    lambda: Apply(
        lambda m, x: m.last(checkpoint(m.first, x.requires_grad_(), use_reentrant=True)),
        first=nn.Sequential(nn.Linear(4, 4), nn.Tanh()), last=nn.Linear(4, CLASSES),
    ),
    VECTORS, LABELS,
    refused={"variance": "use_reentrant=False", "curvature": "use_reentrant=False"},
)  # fmt: skip
specimen(
    "spatial transformer",
    lambda: Apply(
        lambda m, x: m.tail(
            functional.grid_sample(
                x,
                functional.affine_grid(
                    m.angles(x.flatten(1)).unflatten(1, (2, 3)), list(x.shape), align_corners=False
                ),
                align_corners=False,
            )
        ),
        angles=nn.Linear(32, 6), tail=tail(2),
    ),
    IMAGES, LABELS,
)  # fmt: skip
specimen(
    "distances by cdist",
    lambda: Apply(
        lambda m, x: m.out(torch.cdist(x, m.centres)), centres=parameter(4, 4),
        out=nn.Linear(4, CLASSES),
    ),
    VECTORS, LABELS, refused={"curvature": "no such derivative"},
)  # fmt: skip


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return 2 * ctx.saved_tensors[0] * g


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return 2 * ctx.saved_tensors[0] * g


specimen(
    "function differentiable once",
    lambda: Apply(
        lambda m, x: m.last(Once.apply(m.first(x))), first=nn.Linear(4, 4),
        last=nn.Linear(4, CLASSES),
    ),
    VECTORS, LABELS, refused={"curvature": "not symmetric"},
)  # fmt: skip
specimen(
    "function of its own",
    lambda: Apply(
        lambda m, x: m.last(Square.apply(m.first(x))), first=nn.Linear(4, 4),
        last=nn.Linear(4, CLASSES),
    ),
    VECTORS, LABELS, method="layerwise", warned=r"autograd functions of its own \(Square\)",
)  # fmt: skip
specimen(
    "loss in numpy",
    lambda: nn.Linear(4, CLASSES),
    VECTORS, LABELS, lambda out, y: torch.from_numpy(out.numpy().max(axis=1)),
    refused={"variance": "can't call numpy|Can't call numpy", "curvature": "Can't call numpy"},
)  # fmt: skip
specimen(
    "forward without gradients",
    lambda: Apply(torch.no_grad()(lambda m, x: m.first(x)), first=nn.Linear(4, CLASSES)),
    VECTORS, LABELS,
    refused={"variance": "no gradient reaches", "curvature": "no gradient reaches"},
)  # fmt: skip
specimen(
    "dropout that stays on",
    lambda: Apply(
        lambda m, x: m.first(functional.dropout(x, 0.5, training=True)), first=nn.Linear(4, CLASSES)
    ),
    VECTORS, LABELS,
    refused=dict.fromkeys(("landscape", "variance", "curvature"), "draws random numbers"),
)  # fmt: skip
specimen(
    "a little noise",
    lambda: Apply(
        lambda m, x: m.first(x + 1e-9 * torch.randn_like(x)), first=nn.Linear(4, CLASSES)
    ),
    VECTORS, LABELS,
    refused=dict.fromkeys(("landscape", "variance", "curvature"), "draws random numbers"),
)  # fmt: skip
specimen(
    "state that drifts",
    lambda: Apply(_drifting, first=nn.Linear(4, CLASSES), calls=0),
    VECTORS, LABELS,
    refused=dict.fromkeys(("landscape", "variance", "curvature"), "changes from call to call"),
)  # fmt: skip
OTHER = nn.Linear(4, CLASSES).double()
specimen(
    "loss of another copy",
    lambda: nn.Linear(4, CLASSES),
    VECTORS, batch_loss=lambda model, x: OTHER(x).sum(dim=1),
    refused=dict.fromkeys(("landscape", "variance", "curvature"), "not another copy"),
)  # fmt: skip


def _closed_over(modules: nn.ModuleList, wrap: Callable[..., Any] = lambda f: f) -> nn.Module:
    """A model that reaches some of its layers through a closure, which a copy shares."""
    inner = list(modules)
    run = wrap(lambda x: torch.tanh(inner[0](x)))
    return Apply(lambda m, x: m.last(run(x)), inner=modules, last=nn.Linear(4, CLASSES))


def _patched() -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, CLASSES))
    old = model[0].forward
    model[0].forward = lambda x: 2 * old(x)
    return model


def _with_decay() -> Specimen:
    model = nn.Linear(4, CLASSES)
    return Specimen(
        lambda: model, VECTORS, LABELS,
        lambda out, y: functional.cross_entropy(out, y, reduction="none")
        + model.weight.square().sum(),
        refused={"risk": "the weight 'weight' of your own model"},
    )  # fmt: skip


def _cached(m: Any, x: Tensor) -> Tensor:
    if m.cache is None:
        m.cache = 2 * m.first.weight
    return x @ m.cache.T + m.first.bias


specimen(
    "layers in a closure",
    lambda: _closed_over(nn.ModuleList([nn.Linear(4, 4)])),
    VECTORS, LABELS, refused={"risk": "the weight 'inner.0.weight' of your own model"},
)  # fmt: skip
specimen(
    "layers in a closure without gradient",
    lambda: _closed_over(nn.ModuleList([nn.Linear(4, 4)]), torch.no_grad()),
    VECTORS, LABELS, refused={"risk": "the weight 'inner.0.weight' of your own model"},
)  # fmt: skip
specimen(
    "frozen layers in a closure",
    lambda: _closed_over(nn.ModuleList([nn.Linear(4, 4)]).requires_grad_(False)),
    VECTORS, LABELS, method="layerwise",
)  # fmt: skip
specimen(
    "replaced forward", _patched, VECTORS, LABELS,
    refused={"risk": "the weight '0.weight' of your own model"},
)  # fmt: skip
ZOO["weight decay of your own model"] = _with_decay()
specimen(
    "weights cached in the first call",
    lambda: Apply(_cached, first=nn.Linear(4, CLASSES), cache=None),
    VECTORS, LABELS, refused={"risk": "keeps numbers that its first call computed"},
)  # fmt: skip
specimen(
    "lazy layer",
    lambda: nn.Sequential(nn.LazyLinear(4), nn.Linear(4, CLASSES)),
    VECTORS, LABELS, refused={"risk": "lazy layer whose weight '0.weight' does not exist yet"},
)  # fmt: skip
specimen(
    "half precision inside",
    lambda: Apply(lambda m, x: m.first(x.bfloat16()), first=nn.Linear(4, CLASSES).bfloat16()),
    VECTORS, LABELS, refused={"risk": "must not cast"},
)  # fmt: skip
specimen(
    "mean loss",
    lambda: nn.Linear(4, CLASSES),
    VECTORS, LABELS, functional.cross_entropy, refused={"risk": "use reduction='none'"},
)  # fmt: skip
specimen(
    "model that fails",
    lambda: Apply(lambda m, x: {}["missing"], first=nn.Linear(4, CLASSES)),
    VECTORS, LABELS, refused={"risk": "the model fails in evaluation mode: KeyError"},
)  # fmt: skip


def _drifting(m: Any, x: Tensor) -> Tensor:
    m.calls += 1
    return m.first(x) * (1 + 0.01 * m.calls)
