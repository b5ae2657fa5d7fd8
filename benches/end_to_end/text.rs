//! Generates sentences and HTML from a seed. The words are in random order. Lengths, scripts, markup and the
//! compression ratio are like those of real publishers.

use std::fmt::Write as _;

/// A generator of pseudo-random numbers (`SplitMix64`). The same seed makes the same feeds on any machine.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// A generator for one object, which `parts` identifies.
    pub(crate) fn of(seed: u64, parts: &[usize]) -> Self {
        let mut rng = Self(seed);
        for part in parts {
            rng.0 ^= u64::try_from(*part).unwrap_or(u64::MAX);
            rng.0 = rng.next();
        }
        rng
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, or 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high + 1 - low)
    }

    pub(crate) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    pub(crate) fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let nth = self.below(words.len());
        words.get(nth).copied().unwrap_or_default()
    }

    pub(crate) fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last + 1));
        }
    }
}

/// The language of a feed.
#[derive(Debug)]
pub(crate) struct Language {
    /// The language tag (BCP 47).
    pub tag: &'static str,
    /// The share of all feeds, in per cent.
    pub share: usize,
    /// Whether ISO 8859-1 has all of its letters.
    pub latin_1: bool,
    space: &'static str,
    comma: &'static str,
    stop: &'static str,
    words: &'static str,
}

const fn spaced(tag: &'static str, share: usize, latin_1: bool, words: &'static str) -> Language {
    Language { tag, share, latin_1, space: " ", comma: ",", stop: ".", words }
}

const fn unspaced(tag: &'static str, share: usize, words: &'static str) -> Language {
    Language { tag, share, latin_1: false, space: "", comma: "、", stop: "。", words }
}

/// All languages. Their shares add up to 100.
pub(crate) const LANGUAGES: &[Language] = &[
    spaced(
        "en",
        50,
        true,
        "the of and to in a is that for it was on with as by at from this have are not but had his \
         they which one you were all would there been their has more when who will what said about \
         government minister council election budget report committee yesterday market company \
         research scientists climate water energy railway harbour bridge hospital school university \
         court decision appeal police witness season match goal coach player record winter summer \
         software release version library compiler security update network server archive letter \
         reader editor museum theatre festival orchestra novel painter village district border treaty",
    ),
    spaced(
        "de",
        10,
        true,
        "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an \
         werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum \
         Regierung Ausschuss Entscheidung Bürgermeister Haushalt Brücke Straßenbahn Wissenschaft \
         Universität Gericht Urteil Öffentlichkeit Veröffentlichung Sicherheit Bücherei Gemälde \
         Landschaft Gewässer Zeitung Leserbrief Spieltag Weltmeisterschaft Geschwindigkeit Übung",
    ),
    spaced(
        "fr",
        7,
        true,
        "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se le ce il \
         sont avec son été mais comme nous ou si leur y dont gouvernement ministre élection budget \
         rapport commission hier marché société recherche chercheurs climat énergie chemin hôpital \
         école université décision témoin saison équipe entraîneur été hiver logiciel sécurité réseau \
         lecteur rédaction musée théâtre peinture peintre village frontière traité préfecture",
    ),
    spaced(
        "es",
        7,
        true,
        "de la que el en y a los del se las por un para con no una su al lo como más pero sus le ya o \
         este sí porque esta entre cuando muy sin sobre también gobierno ministro elección presupuesto \
         informe comisión ayer mercado empresa investigación científicos clima energía ferrocarril \
         puente hospital escuela universidad decisión testigo temporada jugador invierno programa \
         versión seguridad red archivo lector redacción museo teatro novela pintor frontera tratado",
    ),
    spaced(
        "ru",
        7,
        false,
        "и в не на что он с как это по но они к у из мы за от так для же вы бы ее было только до или \
         правительство министр выборы бюджет доклад комитет вчера рынок компания исследование учёные \
         климат энергия железная дорога мост больница школа университет суд решение свидетель сезон \
         матч тренер игрок зима программа версия безопасность сеть сервер архив читатель редакция \
         музей театр роман художник деревня граница договор",
    ),
    spaced(
        "el",
        2,
        false,
        "και το να του η της με που την από για τα είναι των σε ο οι στο θα τη στην τον τους δεν ένα \
         κυβέρνηση υπουργός εκλογές προϋπολογισμός έκθεση επιτροπή αγορά εταιρεία έρευνα κλίμα ενέργεια \
         γέφυρα νοσοκομείο σχολείο πανεπιστήμιο απόφαση αγώνας προπονητής χειμώνας λογισμικό ασφάλεια \
         δίκτυο αρχείο αναγνώστης μουσείο θέατρο μυθιστόρημα ζωγράφος χωριό σύνορα συνθήκη",
    ),
    spaced(
        "ar",
        4,
        false,
        "في من على إلى أن عن مع هذا كان التي الذي هو هي بعد قبل بين كل لم قد الحكومة الوزير الانتخابات \
         الميزانية التقرير اللجنة أمس السوق الشركة البحث العلماء المناخ المياه الطاقة الجسر المستشفى \
         المدرسة الجامعة المحكمة القرار الموسم المباراة المدرب اللاعب الشتاء البرنامج الإصدار الأمن \
         الشبكة الأرشيف القارئ المتحف المسرح الرواية الرسام القرية الحدود المعاهدة",
    ),
    spaced(
        "hi",
        2,
        false,
        "के में की है और से को का पर यह ने कि एक भी नहीं तो हो गया साथ लिए सरकार मंत्री चुनाव बजट रिपोर्ट समिति \
         कल बाज़ार कंपनी शोध वैज्ञानिक जलवायु पानी ऊर्जा रेल पुल अस्पताल विद्यालय विश्वविद्यालय न्यायालय निर्णय मौसम मैच \
         खिलाड़ी सर्दी सॉफ़्टवेयर संस्करण सुरक्षा नेटवर्क पाठक संग्रहालय नाटक उपन्यास चित्रकार गाँव सीमा संधि",
    ),
    unspaced(
        "ja",
        6,
        "の に は を た が で て と し れ さ ある いる する から こと として この ため その また なる もの それ 政府 大臣 \
         選挙 予算 報告 委員会 昨日 市場 会社 研究 科学者 気候 水 エネルギー 鉄道 港 橋 病院 学校 大学 裁判所 決定 \
         警察 試合 監督 選手 記録 冬 夏 ソフトウェア 版 安全 ネットワーク サーバー 読者 編集 博物館 劇場 小説 画家 村 国境 条約",
    ),
    unspaced(
        "zh",
        5,
        "的 一 是 在 了 有 和 人 这 中 大 为 上 个 国 我们 以 要 他 时 来 用 们 到 作 地 于 出 就 分 对 成 会 可 主 \
         政府 部长 选举 预算 报告 委员会 昨天 市场 公司 研究 科学家 气候 水 能源 铁路 港口 桥梁 医院 学校 大学 法院 \
         决定 警察 比赛 教练 球员 记录 冬天 夏天 软件 版本 安全 网络 服务器 读者 编辑 博物馆 剧院 小说 画家 村庄 边界 条约",
    ),
];

/// Generates text in one language from a seed.
pub(crate) struct Writer {
    pub rng: Rng,
    language: &'static Language,
    words: Vec<&'static str>,
}

impl Writer {
    pub(crate) fn new(language: &'static Language, rng: Rng) -> Self {
        Self { rng, language, words: language.words.split(' ').collect() }
    }

    /// A heading: a few words without a full stop.
    pub(crate) fn title(&mut self) -> String {
        let mut title = String::new();
        let words = self.rng.between(4, 10);
        self.words(&mut title, words);
        title
    }

    /// A name that no other sentence contains.
    pub(crate) fn name(&mut self) -> String {
        const SYLLABLES: [&str; 20] = [
            "ba", "be", "ko", "lu", "ma", "ne", "ri", "sa", "to", "vi", "dor", "gan", "hel", "kin",
            "mar", "nor", "pel", "ros", "tam", "ver",
        ];
        let mut name = String::new();
        for _ in 0..self.rng.between(2, 4) {
            name.push_str(self.rng.pick(&SYLLABLES));
        }
        name
    }

    /// Plain text of about `bytes` bytes.
    pub(crate) fn text(&mut self, bytes: usize) -> String {
        let mut text = String::new();
        while text.len() < bytes {
            self.sentence(&mut text);
        }
        text
    }

    /// HTML blocks of at least `bytes` bytes, which are well-formed XML too. Addresses begin with `site`.
    pub(crate) fn html(&mut self, bytes: usize, site: &str) -> String {
        let mut html = String::with_capacity(bytes + 1024);
        while html.len() < bytes {
            let left = bytes - html.len();
            match self.rng.below(20) {
                0 => self.heading(&mut html),
                1 | 2 => self.picture(&mut html, site),
                3 | 4 if 300 < left => self.list(&mut html, site),
                5 | 6 if 300 < left => {
                    html.push_str("<blockquote>\n");
                    self.paragraph(&mut html, site, left);
                    html.push_str("</blockquote>\n");
                }
                7 if 300 < left => self.code(&mut html),
                _ => self.paragraph(&mut html, site, left),
            }
        }
        if self.rng.percent(15) {
            let token = self.rng.next();
            write(
                &mut html,
                format_args!(
                    "<img src=\"{site}/pixel/{token:x}.gif\" width=\"1\" height=\"1\" alt=\"\" />\n"
                ),
            );
        }
        html
    }

    fn heading(&mut self, html: &mut String) {
        let title = self.title();
        write(html, format_args!("<h2>{title}</h2>\n"));
    }

    fn paragraph(&mut self, html: &mut String, site: &str, most: usize) {
        let end = html.len() + self.rng.between(150, 900).min(most.max(40));
        html.push_str("<p>");
        while html.len() < end {
            self.sentence(html);
            match self.rng.below(9) {
                0 | 1 => self.link(html, site),
                2 => self.marked(html, "em"),
                3 => self.marked(html, "strong"),
                4 => html.push_str("<br />\n"),
                _ => {}
            }
        }
        html.push_str("</p>\n");
    }

    fn marked(&mut self, html: &mut String, tag: &str) {
        let words = self.rng.between(1, 4);
        write(html, format_args!("<{tag}>"));
        self.words(html, words);
        write(html, format_args!("</{tag}>{}", self.language.space));
    }

    fn link(&mut self, html: &mut String, site: &str) {
        let (page, words) = (self.rng.below(1_000_000), self.rng.between(1, 5));
        let name = self.name();
        write(html, format_args!("<a href=\"{site}/{name}/{page}?from=feed&amp;ref={name}\">"));
        self.words(html, words);
        write(html, format_args!("</a>{}", self.language.space));
    }

    fn picture(&mut self, html: &mut String, site: &str) {
        let (token, wide, alt) = (self.rng.next(), self.rng.between(320, 1920), self.title());
        write(
            html,
            format_args!(
                "<figure><img src=\"{site}/images/{token:016x}.jpg\" width=\"{wide}\" height=\"{}\" \
                 alt=\"{alt}\" class=\"wp-image-{} size-large\" /><figcaption>{alt}</figcaption></figure>\n",
                wide * 2 / 3,
                token % 100_000,
            ),
        );
    }

    fn list(&mut self, html: &mut String, site: &str) {
        html.push_str("<ul>\n");
        for _ in 0..self.rng.between(2, 6) {
            html.push_str("<li>");
            if self.rng.percent(40) {
                self.link(html, site);
            }
            self.sentence(html);
            html.push_str("</li>\n");
        }
        html.push_str("</ul>\n");
    }

    fn code(&mut self, html: &mut String) {
        html.push_str("<pre><code>");
        for _ in 0..self.rng.between(2, 6) {
            let (a, b, n) = (self.name(), self.name(), self.rng.below(100));
            write(html, format_args!("if {a} &lt; {n} {{ {b}(&amp;{a}, \"{n}\"); }}\n"));
        }
        html.push_str("</code></pre>\n");
    }

    fn sentence(&mut self, text: &mut String) {
        for clause in 0..self.rng.between(1, 3) {
            if 0 < clause {
                text.push_str(self.language.comma);
                text.push_str(self.language.space);
            }
            let words = self.rng.between(3, 9);
            self.words(text, words);
        }
        text.push_str(self.language.stop);
        text.push(' ');
    }

    fn words(&mut self, text: &mut String, count: usize) {
        for nth in 0..count {
            if 0 < nth {
                text.push_str(self.language.space);
            }
            if self.rng.percent(12) {
                let name = self.name();
                text.push_str(&name);
            } else {
                text.push_str(self.rng.pick(&self.words));
            }
        }
    }
}

/// Appends formatted text. Writing to a string cannot fail.
pub(crate) fn write(text: &mut String, what: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(what);
    debug_assert!(written.is_ok(), "writing to a string");
}
