/// What `needletail --version` says: the changelog's newest version, or the one that is to come with `-dev`.
enum Version {
    static let current = "0.1.0-dev"
}
