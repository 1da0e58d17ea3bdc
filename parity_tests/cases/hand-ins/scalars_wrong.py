"""A number that remembers how it was computed."""

import math


class Number:
    def __init__(self, data, parents=()):
        self.data, self.grad = data, 0.0
        self.parents, self.pull = parents, lambda: None

    def __add__(self, other):
        other = other if isinstance(other, Number) else Number(other)
        total = Number(self.data + other.data, (self, other))

        def pull():
            self.grad = total.grad
            other.grad += total.grad

        total.pull = pull
        return total

    def __mul__(self, other):
        other = other if isinstance(other, Number) else Number(other)
        product = Number(self.data * other.data, (self, other))

        def pull():
            self.grad += other.data * product.grad
            other.grad += self.data * product.grad

        product.pull = pull
        return product

    def tanh(self):
        t = (math.exp(2 * self.data) - 1) / (math.exp(2 * self.data) + 1)
        result = Number(t, (self,))

        def pull():
            self.grad += (1 - t * t) * result.grad

        result.pull = pull
        return result

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __sub__(self, other):
        return self + other * -1

    def backward(self):
        order, seen = [], set()

        def visit(node):
            if id(node) not in seen:
                seen.add(id(node))
                for parent in node.parents:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            node.pull()
