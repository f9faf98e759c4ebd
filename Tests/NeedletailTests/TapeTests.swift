import Needletail
import Testing

@Suite("The tape")
struct TapeTests {
    @Test func `backward adds to a parameter's gradient, and zeroGrad forgets it`() throws {
        let w = Parameter(Tensor([1, 2, 3] as [Float]))
        (w.value * w.value).sum().backward()
        #expect(try w.grad!.scalars(as: Float.self) == [2, 4, 6])
        (w.value * 10).sum().backward()
        #expect(try w.grad!.scalars(as: Float.self) == [12, 14, 16])
        w.zeroGrad()
        #expect(w.grad == nil)
    }

    @Test func `a parameter without requiresGrad records nothing`() {
        let w = Parameter(Tensor.ones([2]), requiresGrad: false)
        #expect(!(w.value * 2).requiresGrad)
        w.requiresGrad = true
        #expect((w.value * 2).requiresGrad)
    }

    @Test func `the third derivative of x to the fourth is 24 x`() throws {
        let x = Tensor(1.5).requiringGrad()
        var y = x.square() * x.square()
        for _ in 0..<3 { y = gradients(of: y, withRespectTo: [x], createGraph: true)[0]! }
        #expect(try y.item() == 36)
    }

    @Test func `withNoGrad and detach cut the tape`() {
        let x = Tensor.ones([2]).requiringGrad()
        #expect(!withNoGrad { x * 2 }.requiresGrad)
        #expect(!x.detach().requiresGrad)
        #expect(withNoGrad { withGrad { x * 2 } }.requiresGrad)
    }

    @Test func `reading the loss between forward and backward changes nothing`() throws {
        let w = Parameter(Tensor([0.5, -1] as [Float]))
        let loss = (w.value.exp() * 3).sum()
        let value = try loss.item()
        loss.backward()
        #expect(try loss.item() == value)
        let grad = try w.grad!.scalars(as: Float.self)
        #expect(Swift.abs(grad[0] - 4.946164) < 1e-5 && Swift.abs(grad[1] - 1.1036383) < 1e-5)
    }

    @Test func `kept losses hold only their values after backward`() throws {
        try withOwnDevice { context in
            let w = Parameter(Tensor.ones([256, 256]))
            var losses: [Tensor] = []
            var sizes: [Int] = []
            for step in 0..<40 {
                let loss = matmul(w.value, w.value).relu().mean()
                loss.backward()
                w.assign(w.value - w.grad! * 0.1)
                w.zeroGrad()
                losses.append(loss)
                try evaluate(w.value, loss)
                if step == 9 || step == 39 { sizes.append(context.statistics.allocatedBytes) }
            }
            #expect(sizes[1] - sizes[0] <= 30 * 512, "\(sizes)")
        }
    }

    @Test func `reading the loss between forward and backward adds no matmul`() throws {
        try withOwnDevice { context in
            let a = Parameter(Tensor.ones([8, 8]))
            let b = Parameter(Tensor.ones([8, 8]))
            func step(reads: Bool) throws -> Int {
                let before = context.statistics.nodes
                let loss = matmul(a.value, b.value).tanh().sum()
                if reads { _ = try loss.item() }
                loss.backward()
                try evaluate([a.grad!, b.grad!, loss])
                a.zeroGrad()
                b.zeroGrad()
                return context.statistics.nodes - before
            }
            _ = try step(reads: false)
            #expect(try step(reads: true) <= step(reads: false) + 1)
        }
    }

    @Test func `retainGraph lets backward run twice`() throws {
        let w = Parameter(Tensor([2] as [Float]))
        let loss = w.value.square().sum()
        loss.backward(retainGraph: true)
        loss.backward()
        #expect(try w.grad!.item() == 8)
    }

    @Test func `a second backward is a programmer's error`() async {
        await #expect(processExitsWith: .failure) {
            let w = Parameter(Tensor([2] as [Float]))
            let loss = w.value.square().sum()
            loss.backward()
            loss.backward()
        }
    }

    @Test func `a second backward inside checked throws`() throws {
        let w = Parameter(Tensor([2] as [Float]))
        let loss = w.value.square().sum()
        loss.backward()
        #expect(throws: TensorError.self) { try checked { loss.backward() } }
    }

    @Test func `after assign gradients flow to the same parameter, and old values stay`() throws {
        let w = Parameter(Tensor([1, 2] as [Float]))
        let before = w.value
        w.assign(before * 2)
        #expect(try before.scalars(as: Float.self) == [1, 2])
        #expect(try w.value.scalars(as: Float.self) == [2, 4])
        w.value.square().sum().backward()
        #expect(try w.grad!.scalars(as: Float.self) == [4, 8])
    }

    @Test func `equal largest elements share the gradient`() throws {
        let x = Tensor([3, 1, 3] as [Float]).requiringGrad()
        let g = gradients(of: x.max(), withRespectTo: [x])[0]!
        #expect(try g.scalars(as: Float.self) == [0.5, 0, 0.5])
    }

    @Test func `the gradient of a product with one zero is the product of the others`() throws {
        let x = Tensor([[2, 0, 5], [0, 0, 3]] as [[Float]]).requiringGrad()
        let g = gradients(of: x.prod(axes: 1).sum(), withRespectTo: [x])[0]!
        #expect(try g.scalars(as: Float.self) == [0, 10, 0, 0, 0, 0])
    }

    @Test func `a gradient by a tensor on the way is found`() throws {
        let x = Tensor([1, 2] as [Float]).requiringGrad()
        let h = x * 3
        let found = gradients(of: h.square().sum(), withRespectTo: [h, x])
        #expect(try found[0]!.scalars(as: Float.self) == [6, 12])
        #expect(try found[1]!.scalars(as: Float.self) == [18, 36])
    }

    @Test func `what the output does not depend on has no gradient`() {
        let x = Tensor.ones([2]).requiringGrad()
        let y = Tensor.ones([2]).requiringGrad()
        #expect(gradients(of: x.sum(), withRespectTo: [x, y])[1] == nil)
    }

    @Test func `a custom gradient replaces that of the steps`() throws {
        let x = Tensor([1, 2] as [Float]).requiringGrad()
        let y = Tensor.custom([x], forward: { x.round() }, pullback: { gradient, _ in [gradient * 7] })
        #expect(try gradients(of: y.sum(), withRespectTo: [x])[0]!.scalars(as: Float.self) == [7, 7])
    }

    @Test func `a chain of a million steps is released without recursion`() throws {
        var x = Tensor.ones([1]).requiringGrad()
        for step in 0..<1_000_000 {
            x = x + 1
            if step % 20_000 == 0 { try x.evaluate() }
        }
        #expect(try x.item() == 1_000_001)
    }
}
