// swift-tools-version: 6.1
import PackageDescription

// A backend as a package of its own: it needs TensorRuntime, the contract, and its tests need TensorConformance. Only the
// program that trains needs all of it.
let package = Package(
    name: "reference-backend",
    products: [
        .library(name: "ReferenceBackend", targets: ["ReferenceBackend"]),
        .executable(name: "reference-mnist", targets: ["ReferenceMNIST"]),
    ],
    dependencies: [.package(name: "needletail", path: "../..")],
    targets: [
        .target(name: "ReferenceBackend", dependencies: [.product(name: "TensorRuntime", package: "needletail")]),
        .executableTarget(
            name: "ReferenceMNIST",
            dependencies: ["ReferenceBackend", .product(name: "NeedletailVision", package: "needletail")]),
        .executableTarget(
            name: "LateRegistration",
            dependencies: ["ReferenceBackend", .product(name: "Needletail", package: "needletail")],
            path: "Tests/LateRegistration"),
        .testTarget(
            name: "ReferenceBackendTests",
            dependencies: [
                "ReferenceBackend", .product(name: "Needletail", package: "needletail"),
                .product(name: "TensorConformance", package: "needletail"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)
