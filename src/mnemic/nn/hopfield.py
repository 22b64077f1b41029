"""A modern Hopfield layer for any PyTorch model: a state retrieves from stored patterns.

Source: Ramsauer et al. 2020, *Hopfield Networks is All You Need*.
"""

import math
from typing import Literal, NamedTuple

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mnemic.errors import ConfigError, ShapeError
from mnemic.nn.inputs import as_one_mask, check_features, check_fit
from mnemic.nn.layers import dense
from mnemic.nn.settling import SEPARATIONS, SeparationName, read, read_values


class Associated(NamedTuple):
    """What the states retrieved, and how."""

    output: Float[Tensor, "batch states dim"]
    weights: Float[Tensor, "batch heads states stored"]  # rows sum to 1, or are zero
    steps: Int[Tensor, "batch heads states"]  # the last one reads; 0 where none may be seen


class Hopfield(nn.Module):
    """Associates each state with stored patterns and returns what it retrieves.

    Each head projects state and stored patterns into a space of ``head_dim`` features, lets the
    state ξ settle there for up to ``steps - 1`` moves ``ξ ← K sep(β Kᵀξ)`` and reads the projected
    values, ``V sep(β Kᵀξ)``; the heads are joined and projected back to ``dim`` features. With one
    step and softmax this is multi-head attention: see ``from_attention``.

    Args:
        dim: features of a state, and of the output.
        heads: how many associations are made side by side.
        stored_dim: features of a stored pattern; ``dim`` unless given.
        value_dim: features of a value; ``stored_dim`` unless given.
        head_dim: features of the space a head associates in; ``dim / heads`` unless given.
        beta: inverse temperature. A small one blends patterns, a large one picks one. 1/√head_dim
            unless given; ``"learned"`` starts there and learns one for each head.
        steps: 1 reads at once; more let the state settle first.
        tolerance: a state that moved no further than this has come to rest. Each row for itself.
        separation: how scores become weights. "softmax" gives every pattern some; "entmax15" and,
            more so, "sparsemax" give most patterns none.
        rng: draws the first weights.

    >>> rng = torch.Generator().manual_seed(0)
    >>> layer = Hopfield(8, heads=2, rng=rng)
    >>> layer(torch.ones(5, 3, 8), torch.ones(5, 20, 8)).shape
    torch.Size([5, 3, 8])
    """

    def __init__(
        self,
        dim: int,
        *,
        heads: int = 1,
        stored_dim: int | None = None,
        value_dim: int | None = None,
        head_dim: int | None = None,
        beta: float | Literal["learned"] | None = None,
        steps: int = 1,
        tolerance: float = 1e-4,
        separation: SeparationName = "softmax",
        rng: torch.Generator,
    ) -> None:
        super().__init__()
        self.log_beta: nn.Parameter | None
        stored_dim = dim if stored_dim is None else stored_dim
        value_dim = stored_dim if value_dim is None else value_dim
        _at_least_one(dim=dim, heads=heads, stored_dim=stored_dim, value_dim=value_dim, steps=steps)
        if head_dim is None and dim % heads:
            raise ConfigError(f"{dim} features do not divide into {heads} heads; give head_dim")
        head_dim = dim // heads if head_dim is None else head_dim
        _at_least_one(head_dim=head_dim)
        if not 0 <= tolerance < math.inf:
            raise ConfigError(f"tolerance must be a number from 0, got {tolerance}")
        if separation not in SEPARATIONS:
            names = ", ".join(map(repr, SEPARATIONS))
            raise ConfigError(f"separation must be one of {names}, got {separation!r}")

        self.dim, self.stored_dim, self.value_dim = dim, stored_dim, value_dim
        self.heads, self.head_dim = heads, head_dim
        self.steps, self.tolerance = steps, tolerance
        self.separation: SeparationName = separation
        self.state_projection = dense(dim, heads * head_dim, rng=rng)
        self.stored_projection = dense(stored_dim, heads * head_dim, rng=rng)
        self.value_projection = dense(value_dim, heads * head_dim, rng=rng)
        self.output_projection = dense(heads * head_dim, dim, rng=rng)
        self._set_beta(beta)

    @classmethod
    def from_attention(
        cls,
        attention: nn.MultiheadAttention,
        *,
        beta: float | Literal["learned"] | None = None,
        steps: int = 1,
        tolerance: float = 1e-4,
        separation: SeparationName = "softmax",
    ) -> "Hopfield":
        """A layer with copies of an attention's weights; as it stands, it computes the same.

        Call it as ``layer(query, key, value)``, batch first whatever the attention was. Masks say
        the opposite: ``known=~key_padding_mask``, ``allowed=~attn_mask``.

        Raises:
            ConfigError: the attention drops weights, or has ``add_bias_kv`` or ``add_zero_attn``.
        """
        given = dict(attention.named_parameters())
        if "bias_k" in given or attention.add_zero_attn:
            raise ConfigError(
                "attention with add_bias_kv or add_zero_attn adds keys of its own, which a "
                "Hopfield layer does not; append them to the stored patterns"
            )
        if attention.dropout:
            raise ConfigError(
                f"attention drops {attention.dropout} of its weights, which a Hopfield layer does "
                f"not; set attention.dropout = 0.0 first"
            )
        layer = cls(
            attention.embed_dim,
            heads=attention.num_heads,
            stored_dim=attention.kdim,
            value_dim=attention.vdim,
            beta=beta,
            steps=steps,
            tolerance=tolerance,
            separation=separation,
            rng=torch.Generator(),
        ).to(given["out_proj.weight"])
        if "in_proj_weight" in given:
            weights = given["in_proj_weight"].chunk(3)
        else:
            weights = [given[f"{which}_proj_weight"] for which in "qkv"]
        projections = (layer.state_projection, layer.stored_projection, layer.value_projection)
        with torch.no_grad():
            for projection, weight in zip(projections, weights, strict=True):
                projection.weight.copy_(weight)
            if "in_proj_bias" in given:
                biases = given["in_proj_bias"].chunk(3)
                for projection, bias in zip(projections, biases, strict=True):
                    projection.bias.copy_(bias)
                layer.output_projection.bias.copy_(given["out_proj.bias"])
            layer.output_projection.weight.copy_(given["out_proj.weight"])
        return layer.train(attention.training)

    @property
    def beta(self) -> Tensor | float:
        """The inverse temperature: a number, or the learned one of each head."""
        return self.fixed_beta if self.log_beta is None else self.log_beta.exp()

    def forward(
        self,
        state: Float[Tensor, "states_batch states dim"],
        stored: Float[Tensor, "stored_batch stored stored_dim"],
        values: Float[Tensor, "values_batch stored_values value_dim"] | None = None,
        *,
        known: Bool[Tensor, "known_batch known"] | None = None,
        allowed: Bool[Tensor, "*allowed_batch states stored"] | None = None,
    ) -> Float[Tensor, "batch states dim"]:
        """What each state retrieves.

        States, or what is stored, may have a batch of one, which then serves the whole batch.

        Args:
            state: what to retrieve by.
            stored: the patterns to compare with.
            values: what to retrieve for each of them; the patterns themselves unless given.
            known: True where there is a stored pattern, False where there is only padding.
            allowed: True where a state may see a stored pattern: one mask for all, or for each.

        A state that may see no pattern retrieves zeros. What is not ``known`` changes nothing,
        even if it is not a number.

        Raises:
            ShapeError: the tensors do not fit the layer or each other.
        """
        if self.separation != "softmax":
            return self.associate(state, stored, values, known=known, allowed=allowed).output
        inputs, some = self._inputs(state, stored, values, known, allowed)
        found = read_values(*inputs, beta=self._beta(), steps=self.steps, tolerance=self.tolerance)
        return self._joined(found, some)

    def associate(
        self,
        state: Float[Tensor, "states_batch states dim"],
        stored: Float[Tensor, "stored_batch stored stored_dim"],
        values: Float[Tensor, "values_batch stored_values value_dim"] | None = None,
        *,
        known: Bool[Tensor, "known_batch known"] | None = None,
        allowed: Bool[Tensor, "*allowed_batch states stored"] | None = None,
    ) -> Associated:
        """``forward`` with the weights it retrieved by: the readable form, which is slower.

        It also has second derivatives, which the fused attention behind ``forward`` lacks.
        """
        inputs, some = self._inputs(state, stored, values, known, allowed)
        found = read(
            *inputs,
            beta=self._beta(),
            steps=self.steps,
            tolerance=self.tolerance,
            separation=self.separation,
        )
        return Associated(self._joined(found.values, some), found.weights, found.steps)

    def extra_repr(self) -> str:
        """The settings that are not parameters."""
        beta = "learned" if self.log_beta is not None else f"{self.fixed_beta:.4g}"
        return (
            f"heads={self.heads}, beta={beta}, steps={self.steps}, tolerance={self.tolerance}, "
            f"separation={self.separation!r}"
        )

    def _set_beta(self, beta: float | str | None) -> None:
        default = self.head_dim**-0.5
        self.register_parameter("log_beta", None)
        if isinstance(beta, str):
            if beta != "learned":
                raise ConfigError(f"beta must be a number or 'learned', got {beta!r}")
            self.log_beta = nn.Parameter(torch.full((self.heads,), math.log(default)))
        elif beta is not None and not 0 < beta < math.inf:
            raise ConfigError(f"beta must be a number above 0, got {beta}")
        self.fixed_beta = default if beta is None or isinstance(beta, str) else float(beta)

    def _inputs(
        self,
        state: Tensor,
        stored: Tensor,
        values: Tensor | None,
        known: Tensor | None,
        allowed: Tensor | None,
    ) -> tuple[tuple[Tensor, Tensor, Tensor, Tensor | None], Tensor | None]:
        """What the equation takes, and which states may see anything at all."""
        check_features("state", state, self.dim)
        check_features("stored", stored, self.stored_dim)
        if values is not None:
            check_features("values", values, self.value_dim)
        elif self.value_dim != self.stored_dim:
            raise ShapeError(
                f"this layer retrieves values of {self.value_dim} features, which patterns of "
                f"{self.stored_dim} cannot stand in for; give values"
            )
        check_fit(state, stored, values, known, allowed)
        if known is not None:  # nan times a weight of zero would be nan
            stored = torch.where(known[..., None], stored, 0.0)
            values = None if values is None else torch.where(known[..., None], values, 0.0)
        batch = stored.shape[0] if state.shape[0] == 1 else state.shape[0]
        queries, keys, contents = (
            rearrange(
                projected, "batch many (heads dim) -> batch heads many dim", heads=self.heads
            ).expand(batch, -1, -1, -1)
            for projected in (
                self.state_projection(state),
                self.stored_projection(stored),
                self.value_projection(stored if values is None else values),
            )
        )
        visible = as_one_mask(stored, known, allowed)
        some = None if visible is None else visible.any(dim=-1)[:, 0, :, None]
        return (queries, keys, contents, visible), some

    def _joined(self, found: Tensor, some: Tensor | None) -> Tensor:
        joined = rearrange(found, "batch heads many dim -> batch many (heads dim)")
        output = self.output_projection(joined)
        return output if some is None else torch.where(some, output, 0.0)

    def _beta(self) -> Tensor | float:
        return self.fixed_beta if self.log_beta is None else self.log_beta.exp()[:, None, None]


def _at_least_one(**settings: int) -> None:
    for name, value in settings.items():
        if value < 1:
            raise ConfigError(f"{name} must be at least 1, got {value}")
