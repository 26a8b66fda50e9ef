"""Operations on a whole stack, on its own local cloud."""
