import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

@Suite("CSV tables")
struct CSVTests {
    private func fields(_ text: String, _ format: CSVFormat = CSVFormat()) throws -> [[String?]] {
        try CSVTable(text: text, format: format).columns.map(\.fields)
    }

    @Test("quotes, line ends of all kinds and a byte order mark are read")
    func readsRFC4180() throws {
        let expected: [[String?]] = [["1", "2"], ["x, y", "say \"no\""], ["two\nlines", ""]]
        for end in ["\n", "\r\n", "\r"] {
            let text = "\u{FEFF}a,b,c\(end)1,\"x, y\",\"two\nlines\"\(end)\(end)2, \"say \"\"no\"\"\" ,\"\"\(end)"
            let table = try CSVTable(text: text)
            #expect(table.columns.map(\.name) == ["a", "b", "c"])
            #expect(table.columns.map(\.fields) == expected)
            #expect(table.lines == [2, 5], "\(end.debugDescription)")
        }
        #expect(try fields("a,b\n1,\"\r\n\"") == [["1"], ["\r\n"]])
        #expect(try fields("name\nü\u{2028}é\n漢") == [["ü\u{2028}é", "漢"]])
        #expect(try fields("a\n") == [[]])
    }

    @Test("separators are found or given, and names made up")
    func separators() throws {
        #expect(try fields("a;b\n1,5 m;2\n") == [["1,5 m"], ["2"]])
        #expect(try fields("a\tb c\n1\t\n") == [["1"], [nil]])
        #expect(try fields("\"a;x\",b\n1,2") == [["1"], ["2"]])
        #expect(try fields("a,b|c\n1,z|3", CSVFormat(separator: "|")) == [["1,z"], ["3"]])
        let bare = try CSVTable(text: "1,2\n3,4", format: CSVFormat(hasHeader: false))
        #expect(bare.columns.map(\.name) == ["column1", "column2"] && bare.rowCount == 2)
        #expect(try CSVTable(text: ",x\n1,2").columns.map(\.name) == ["column1", "x"])
    }

    @Test("kinds are told from all fields of a column, and may be given")
    func infersKinds() throws {
        let text = """
            id,height,colour,name,empty,mixed,hex
            1,1.5,red,Ann,,7,0x1
            -2,NA,blue,Bob,,x,0x1
            9223372036854775807,2e-3,red,Cyd,,8,0x1
            """
        let table = try CSVTable(text: text)
        #expect(table.columns.map(\.kind) == [.integer, .real, .category, .text, .real, .text, .category])
        #expect(try table.column("height").fields == ["1.5", nil, "2e-3"])
        let asText = try CSVTable(text: text, format: CSVFormat(kinds: ["id": .category, "name": .category]))
        #expect(try asText.column("id").kind == .category && asText.column("name").kind == .category)
        #expect(try CSVTable(text: "a\n9223372036854775808\n1").columns[0].kind == .real)
        #expect(try CSVTable(text: "a\n1e999\n1").columns[0].kind == .text)
        #expect(try CSVTable(text: "a\ninf\n1").columns[0].kind == .text)
        #expect(table.description.contains("height: real (1 missing; 0.002 to 1.5)"), "\(table)")
        #expect(table.description.contains("colour: category (blue, red)"), "\(table)")
    }

    @Test("what is wrong with a file is said by line and column")
    func refusesBrokenFiles() throws {
        expectDataError(.data, "table: line 3: 3 fields, but 2 columns") { _ = try CSVTable(text: "a,b\n1,2\n1,2,3") }
        expectDataError(.data, "line 2: a quote is opened") { _ = try CSVTable(text: "a,b\n1,\"2\n\n") }
        expectDataError(.data, "line 2: text follows the closing quote") { _ = try CSVTable(text: "a\n\"b\"c") }
        expectDataError(.data, "two columns are named 'a'") { _ = try CSVTable(text: "a,a\n1,2") }
        expectDataError(.data, "table: holds no line") { _ = try CSVTable(text: "\n\n") }
        expectDataError(.data, "line 3, column 'x': '2,5' has a decimal comma") {
            _ = try CSVTable(text: "x;y\n1;2\n2,5;3")
        }
        expectDataError(.data, "line 3, column 'x': 'two' is not a number") {
            _ = try CSVTable(text: "x,y\n1,2\ntwo,3", format: CSVFormat(kinds: ["x": .real]))
        }
        expectDataError(.data, "has no column 'z', but 'x', 'y'") {
            _ = try CSVTable(text: "x,y\n", format: CSVFormat(kinds: ["z": .real]))
        }
        expectDataError(.invalidArgument, "CSVFormat(separator: '\"')") {
            _ = try CSVTable(text: "x", format: CSVFormat(separator: "\""))
        }
        let scratch = ScratchDirectory()
        let wide = scratch.write([0xFF, 0xFE, 0x61, 0], to: "wide.csv")
        expectDataError(.data, "wide.csv: is in UTF-16") { _ = try CSVTable(contentsOf: wide) }
        let latin = scratch.write([0x61, 0x0A, 0xE9, 0x0A], to: "latin.csv")
        expectDataError(.data, "latin.csv: line 2: is no UTF-8") { _ = try CSVTable(contentsOf: latin) }
        expectDataError(.file, "none.csv") { _ = try CSVTable(contentsOf: "\(scratch.path)/none.csv") }
        expectDataError(.data, "exceed the limit") { _ = try CSVTable(contentsOf: wide, limit: 3) }
    }

    private let people = """
        age,town,income,bought
        20,Rome,10.0,no
        ,Oslo,30.0,yes
        40,Rome,20.0,no
        60,,40.0,no
        """

    @Test("columns become numbers as scikit-learn makes them")
    func encodes() throws {
        let table = try CSVTable(text: people)
        let encoder = try TableEncoder(fitting: table, target: "bought", missing: .mean)
        #expect(encoder.names == ["age", "town=Oslo", "town=Rome", "income"])
        #expect(encoder.classNames == ["no", "yes"])
        // SimpleImputer, OneHotEncoder and StandardScaler: ages 20, 40, 40, 60 and incomes of deviations 14.142 and 11.180.
        let expected: [Float] = [
            -1.4142135, 0, 1, -1.3416408, 0, 1, 0, 0.4472136, 0, 0, 1, -0.4472136, 1.4142135, 0, 1, 1.3416408,
        ]
        let found: [Float] = try encoder.encode(table).scalars()
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-6 } && found.count == 16, "\(found)")
        #expect(try encoder.encodeTarget(table) == HostArray([Int64(0), 1, 0, 0]))
        let raw = try TableEncoder(
            fitting: table, target: "income", features: ["age", "town"], standardize: false, standardizeTarget: true,
            categories: .index, missing: .median)
        #expect(try raw.encode(table).scalars(as: Float.self) == [20, 1, 40, 0, 40, 1, 60, 1])
        let target = try raw.encodeTarget(table)
        #expect(target.shape == [4, 1])
        for (code, income) in zip(target.scalars(as: Double.self), [10.0, 30, 20, 40]) {
            #expect(abs(raw.decode(code) - income) < 1e-5)
        }
        let constant = try CSVTable(text: "x,y\n0.1,1\n0.1,2\n0.1,3")
        let same = try TableEncoder(fitting: constant, target: nil).encode(constant).scalars(as: Float.self)[0]
        #expect(abs(same) < 1e-12)
    }

    @Test("an encoder that was saved encodes another table as the first")
    func savesEncoders() throws {
        let scratch = ScratchDirectory()
        let table = try CSVTable(text: people)
        let encoder = try TableEncoder(fitting: table, target: "bought", missing: .mean)
        let path = "\(scratch.path)/encoder.json"
        try encoder.save(to: path)
        let again = try TableEncoder(contentsOf: path)
        #expect(again == encoder)
        let asked = try CSVTable(text: "town,income,age\nOslo,20,40")
        #expect(
            try again.encode(asked).scalars(as: Float.self).map { ($0 * 1e4).rounded() } == [0, 10000, 0, -4472])
        expectDataError(.data, "line 2, column 'town': 'Bonn' is none of 'Oslo', 'Rome'") {
            _ = try again.encode(try CSVTable(text: "town,income,age\nBonn,20,40"))
        }
        expectDataError(.data, "line 2, column 'age': 'old' is not a number") {
            _ = try again.encode(try CSVTable(text: "town,income,age\nOslo,20,old"))
        }
        expectDataError(.data, "has no column 'age'") { _ = try again.encode(try CSVTable(text: "town,income\n")) }
        expectDataError(.data, "broken.json: is no file of an encoder") {
            _ = try TableEncoder(contentsOf: scratch.write("{\"features\": 3}", to: "broken.json"))
        }
        let twice = """
            {"features": [{"oneHot": {"column": "a", "categories": ["x", "x"]}}]}
            """
        expectDataError(.data, "has a category twice") {
            _ = try TableEncoder(contentsOf: scratch.write(twice, to: "twice.json"))
        }
    }

    @Test("missing values are named by line and column, or their rows dropped")
    func missingValues() throws {
        let table = try CSVTable(text: people)
        expectDataError(.data, "line 3, column 'age': is missing") {
            _ = try TableEncoder(fitting: table, target: "bought")
        }
        #expect(try table.droppingMissing().lines == [2, 4])
        #expect(try table.droppingMissing(["town"]).lines == [2, 3, 4])
        let gap = try CSVTable(text: "x,y\n1,a\n2,\n3,a\n4,b")
        expectDataError(.data, "line 3, column 'y': is missing") {
            _ = try TableEncoder(fitting: gap, target: "y", missing: .mean)
        }
        expectDataError(.data, "column 'z' has no value") {
            _ = try TableEncoder(fitting: try CSVTable(text: "z,y\n,1\n,2"), target: "y", missing: .mean)
        }
        expectDataError(.data, "column 'n' is text") {
            _ = try TableEncoder(fitting: try CSVTable(text: "n,y\nAnn,1\nBob,2"), target: "y", features: ["n"])
        }
        expectDataError(.data, "column 'x' is feature and target") {
            _ = try TableEncoder(fitting: gap, target: "x", features: ["x"])
        }
    }

    @Test("a table's rows are a dataset, on the host and on a device")
    func isADataset() throws {
        let text = "x,y,z\n" + (0..<30).map { "\($0),\($0 * 2).5,\($0 % 3)" }.joined(separator: "\n")
        let scratch = ScratchDirectory()
        let data = try CSVDataset(contentsOf: scratch.write(text, to: "numbers.csv"), target: "z")
        #expect(data.count == 30 && data.encoder.classNames == ["0", "1", "2"])
        #expect(try data.classes()[4] == 1)
        let host = Array(DataLoader(data, batchSize: 8, shuffle: true, seed: 3).epoch(1))
        let device = Array(DataLoader(data.onDevice(), batchSize: 8, shuffle: true, seed: 3).epoch(1))
        #expect(host.count == 4)
        for (one, other) in zip(host, device) {
            #expect(one.features.shape == [one.count, 2] && one.labels.dtype == .int64)
            #expect(try one.features.bytes() == other.features.bytes())
            #expect(try one.labels.bytes() == other.labels.bytes())
        }
        let regression = try CSVDataset(contentsOf: "\(scratch.path)/numbers.csv", target: "y")
        #expect(regression.target?.shape == [30, 1] && regression.target?.dtype == .float32)
        #expect(regression.encoder.decode(3) == 3)
        let alone = try CSVDataset(contentsOf: "\(scratch.path)/numbers.csv", target: nil)
        #expect(try alone.example(at: 3).arrays.count == 1)
    }
}
